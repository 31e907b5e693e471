"""A detector on disk: what is saved comes back, and what is damaged is one line. No pickle is ever loaded."""

import ast
import errno
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from closure import ROOT
from faces_for_training import bytes_below
from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.detectors.kinds import dct_logistic, efficientnet_lite0
from unseen.detectors.shared.artifact import load_detector, save_detector
from unseen.detectors.shared.base import Detector
from unseen.faces.settings import FaceSettings

from .networks import copied, same

CALIBRATION = Calibration(1.5, 0.7, (0.3, 0.8), 0.05, {"reals": 10, "fakes": 12, "fpr": 0.0, "tpr": 0.5})


def model(size: int = 32) -> Detector:
    made = dct_logistic.restore({"size": size})
    random = torch.Generator().manual_seed(size)
    made.load_state_dict(
        {
            key: torch.rand(value.shape, generator=random, dtype=value.dtype)
            for key, value in made.state_dict().items()
        }
    )
    return made


def save(folder: Path, face_settings: FaceSettings, size: int = 32) -> Detector:
    made = model(size)
    card = {"name": "tiny", "faces": face_settings.model_dump(), "seed": 4, "settings": {}, "trained_on": {"x": 1}}
    save_detector(folder, made, "dct_logistic", CALIBRATION, b"an onnx file", card)
    return made


@pytest.fixture
def folder(tmp_path: Path, face_settings: FaceSettings) -> Path:
    save(tmp_path / "tiny", face_settings)
    return tmp_path / "tiny"


def fails_in_one_line(folder: Path) -> str:
    with pytest.raises(UserError) as error:
        load_detector(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)
    assert "dvc" in str(error.value)
    return str(error.value)


def test_round_trip(folder: Path, face_settings: FaceSettings) -> None:
    loaded = load_detector(folder)
    assert loaded.name == "tiny"
    assert loaded.calibration == CALIBRATION
    assert loaded.faces == face_settings
    assert loaded.face_detector == b"an onnx file"
    assert loaded.card["trained_on"] == {"x": 1}
    assert not any(module.training for module in loaded.model.modules())
    assert same(copied(loaded.model), copied(model()))
    pixels = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    assert torch.equal(loaded.model(pixels), model()(pixels))


def test_a_network_comes_back_with_its_whole_numbers(tmp_path: Path, face_settings: FaceSettings) -> None:
    made = efficientnet_lite0.restore({"backbone": "tf_efficientnet_lite0", "input_size": 32})
    made.network.bn1.num_batches_tracked += 7  # type: ignore[operator, union-attr]
    card = {"name": "net", "faces": face_settings.model_dump()}
    made = made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # as the loop leaves it
    save_detector(tmp_path / "net", made, "efficientnet_lite0", CALIBRATION, b"", card)
    assert same(copied(load_detector(tmp_path / "net").model), copied(made))


def test_the_card_says_what_must_be_known(folder: Path) -> None:
    card = json.loads((folder / "detector.json").read_text())
    assert card["kind"] == "dct_logistic"
    assert card["config"] == {"size": 32}
    assert card["parameters"] == 3 * 32 * 32 + 1
    assert list(card["code"]) == ["unseen.detectors.kinds.dct_logistic"]
    assert card["versions"]["torch"] == torch.__version__
    calibration = {"temperature", "threshold", "unsure", "max_fpr", "validation", "at_fpr", "unsure_tail"}
    assert set(card["calibration"]) == calibration


def test_saved_twice_is_the_same_bytes(tmp_path: Path, face_settings: FaceSettings) -> None:
    for name in ("one", "two"):
        save(tmp_path / name, face_settings)
    assert bytes_below(tmp_path / "one") == bytes_below(tmp_path / "two")
    assert set(bytes_below(tmp_path / "one")) == {
        "detector.json",
        "face_detector.onnx",
        "parts/index.json",
        "weights.safetensors",
    }


def test_parts_of_an_earlier_fit_are_gone(folder: Path, face_settings: FaceSettings) -> None:
    (folder / "parts" / "adapter_config.json").write_text("{}")
    save(folder, face_settings)
    assert json.loads((folder / "parts" / "index.json").read_text()) == {}
    assert [path.name for path in (folder / "parts").iterdir()] == ["index.json"]


@pytest.mark.parametrize("gone", ["detector.json", "weights.safetensors"])
def test_a_missing_file_is_one_line_that_names_it(folder: Path, gone: str) -> None:
    (folder / gone).unlink()
    assert gone in fails_in_one_line(folder)


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    assert "not found" in fails_in_one_line(tmp_path / "nowhere")


@pytest.mark.parametrize("damaged", ["detector.json", "weights.safetensors"])
@pytest.mark.parametrize("left", [0, 50, 200])
def test_a_file_that_was_cut_off_is_one_line(folder: Path, damaged: str, left: int) -> None:
    file = folder / damaged
    file.write_bytes(file.read_bytes()[:left])
    assert "damaged" in fails_in_one_line(folder)


@pytest.mark.parametrize("key", ["kind", "config", "calibration"])
def test_a_card_without_a_key_is_one_line(folder: Path, key: str) -> None:
    card = json.loads((folder / "detector.json").read_text())
    del card[key]
    (folder / "detector.json").write_text(json.dumps(card))
    assert "damaged" in fails_in_one_line(folder)


def test_a_card_that_is_something_else_is_one_line(folder: Path) -> None:
    (folder / "detector.json").write_text("[]")
    assert "damaged" in fails_in_one_line(folder)


def test_bytes_that_are_no_text_are_one_line(folder: Path) -> None:
    (folder / "detector.json").write_bytes(b"\xff\xfe\x00\x80")
    assert "damaged" in fails_in_one_line(folder)


WRONG = [("calibration.temperature", value) for value in (math.nan, math.inf, 0.0, -2.0, None, "1", True)] + [
    ("calibration.threshold", math.nan),
    ("calibration.threshold", None),
    ("calibration.threshold", -0.1),
    ("calibration.threshold", 1.5),
    ("calibration.unsure", None),
    ("calibration.unsure", [0.1]),
    ("calibration.unsure", [0.1, math.nan]),
    ("calibration.unsure", [0.9, 0.1]),
    ("calibration.max_fpr", math.nan),
    ("calibration.at_fpr.fpr_1", math.nan),
    ("calibration", None),
    ("name", None),
    ("seed", None),
    ("seed", "4"),
    ("kind", None),
    ("config", None),
    ("faces", None),
    ("trained_on", None),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_number_that_is_none_is_refused_by_its_name(folder: Path, key: str, value: object) -> None:
    card = json.loads((folder / "detector.json").read_text())
    *parents, last = key.split(".")
    block = card
    for parent in parents:
        block = block[parent]
    block[last] = value
    (folder / "detector.json").write_text(json.dumps(card))
    said = fails_in_one_line(folder)
    assert said.startswith(f"{folder / 'detector.json'}: damaged (`{key}` is ")
    assert said.endswith("; copy it again from where `dvc repro` made it")


@pytest.mark.parametrize("text", ["null", "[]", "3", "[" * 100_000])
def test_a_card_that_is_no_mapping_is_one_line(folder: Path, text: str) -> None:
    (folder / "detector.json").write_text(text)
    assert fails_in_one_line(folder).startswith(f"{folder / 'detector.json'}: damaged (")


@pytest.mark.parametrize("file", ["detector.json", "weights.safetensors"])
def test_a_file_that_may_not_be_read_is_no_damage(folder: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = io.open

    def refuses(path: object, *given: Any, **named: Any) -> Any:
        if str(path) == str(folder / file):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *given, **named)

    monkeypatch.setattr(io, "open", refuses)  # root may read everything, so a mode would not do
    with pytest.raises(UserError) as caught:
        load_detector(folder)
    assert str(caught.value) == f"{folder / file}: can't be read: Permission denied"


def changed(folder: Path, **values: object) -> None:
    """The card with other values."""
    card = json.loads((folder / "detector.json").read_text())
    (folder / "detector.json").write_text(json.dumps(card | values))


def test_the_card_records_the_hashes_of_its_files(folder: Path) -> None:
    card = json.loads((folder / "detector.json").read_text())
    files = ("weights.safetensors", "face_detector.onnx")
    assert card["sha256"] == {name: sha256_of(folder / name) for name in files}


def test_weights_of_the_same_shape_that_are_not_the_recorded_ones(folder: Path) -> None:
    file = folder / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    said = fails_in_one_line(folder)
    assert said.startswith(f"{file}: damaged (its SHA-256 is not the recorded one); ")


def test_a_face_detector_that_is_not_the_recorded_one(folder: Path) -> None:
    file = folder / "face_detector.onnx"
    loaded = load_detector(folder)
    file.write_bytes(b"another onnx file")
    for damage, says in ((lambda: None, "damaged (its SHA-256 is not"), (file.unlink, "not found; ")):
        damage()
        with pytest.raises(UserError) as caught:
            _ = loaded.face_detector
        assert str(caught.value).startswith(f"{file}: {says}")


def test_a_card_of_an_older_version_records_no_hash(folder: Path) -> None:
    card = json.loads((folder / "detector.json").read_text())
    del card["sha256"]
    (folder / "detector.json").write_text(json.dumps(card))
    (folder / "face_detector.onnx").write_bytes(b"any")
    assert load_detector(folder).face_detector == b"any"


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_hashes_that_are_no_mapping(folder: Path, value: object) -> None:
    changed(folder, sha256=value)
    assert fails_in_one_line(folder).startswith(f"{folder / 'detector.json'}: damaged (`sha256` is not a mapping)")


def test_an_input_size_that_is_not_the_settings(tmp_path: Path, face_settings: FaceSettings) -> None:
    """A convolutional network would score pictures of any size."""
    made = efficientnet_lite0.restore({"backbone": "tf_efficientnet_lite0", "input_size": 32})
    card = {"name": "net", "faces": face_settings.model_dump(), "settings": {"input_size": 32}}
    save_detector(tmp_path / "net", made, "efficientnet_lite0", CALIBRATION, b"", card)
    load_detector(tmp_path / "net")
    changed(tmp_path / "net", config={"backbone": "tf_efficientnet_lite0", "input_size": 64})
    said = fails_in_one_line(tmp_path / "net")
    assert "damaged (`config.input_size` is 64, but `settings.input_size` is 32)" in said


def test_another_detectors_weights_are_one_line(folder: Path, tmp_path: Path, face_settings: FaceSettings) -> None:
    """Files of a detector are written one by one, so a kill can leave a pair that does not belong together."""
    save(tmp_path / "large", face_settings, size=64)
    (tmp_path / "large" / "weights.safetensors").replace(folder / "weights.safetensors")
    assert "damaged" in fails_in_one_line(folder)


def test_a_network_of_size_0_is_one_line(folder: Path) -> None:
    card = json.loads((folder / "detector.json").read_text())
    (folder / "detector.json").write_text(json.dumps(card | {"config": {"size": 0}}))
    assert "damaged (division by zero)" in fails_in_one_line(folder)


@pytest.mark.parametrize("kind", ["vit_giant", "loop", "os", "d.ct_logistic", "dct_logistic.os", ""])
def test_an_unknown_kind_is_one_line(folder: Path, kind: str) -> None:
    card = json.loads((folder / "detector.json").read_text())
    (folder / "detector.json").write_text(json.dumps(card | {"kind": kind}))
    with pytest.raises(UserError, match="does not know") as error:
        load_detector(folder)
    assert "\n" not in str(error.value)


def test_no_pickle_is_ever_loaded() -> None:
    loads = 0
    for file in [*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                banned = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
                assert not names & banned, f"{file}:{node.lineno}"
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("torch.hub", "torch.jit", "pd.read_pickle"):
                pytest.fail(f"{file}:{node.lineno}")
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                loads += 1
                safe = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert safe.get("weights_only") == "True", f"{file}:{node.lineno}"
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.load", "numpy.load"):
                assert "allow_pickle" not in {word.arg for word in node.keywords}, f"{file}:{node.lineno}"
    assert loads == 4, "checkpoints; weights of backbones, of lite1 and of Inception; say here why there is another"
