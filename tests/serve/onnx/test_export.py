"""An export of a whole detector: its files, the check before they are written, and scoring without PyTorch."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import unseen
from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.serve.onnx import export as exporting
from unseen.serve.onnx.export import export

from ..test_predict import SRC, encoded

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = sys.modules["onnx"] = None  # an import of them fails
import unseen
detector = unseen.load(sys.argv[1], backend="onnx")
(face,) = detector.predict(sys.argv[2])
from unseen.cli import main
code = main(["predict", sys.argv[2], sys.argv[2], "--detector", sys.argv[1], "--backend", "onnx", "--json"])
loaded = {name.split(".")[0] for name, module in sys.modules.items() if module}
print(repr(face.logit), face.verdict, code, sorted(loaded & {"torch", "scipy", "pyarrow", "pandas", "timm"}))
"""


@pytest.fixture
def picture(portrait: Image.Image, tmp_path: Path) -> Path:
    """The portrait with a margin in colour, a colour profile and an orientation."""
    from PIL import ImageCms

    wide = Image.new("RGB", (200, 160), (90, 120, 160))
    wide.paste(portrait, (60, 20))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    turned = Image.Exif()
    turned[0x0112] = 3
    path = tmp_path / "a.png"
    path.write_bytes(encoded(wide.rotate(180), "PNG", icc_profile=profile, exif=turned))
    return path


@pytest.mark.usefixtures("quick")
def test_what_others_know_of_a_detector_goes_with_it(drawn: Path, pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "detector"
    shutil.copytree(drawn, folder)
    rates = {"share": 0.5, "n": 4}
    evaluated = {"tpr": {"fakes": {**rates, "generators": ["dcgan"]}}, "fpr": {"reals": rates}}
    for name, value in (("gate.json", {}), ("evaluation.json", evaluated)):
        (folder / name).write_text(json.dumps(value))
    export(folder, tmp_path / "out", faces=pictures)
    assert (tmp_path / "out/gate.json").read_text() == "{}"
    assert json.loads((tmp_path / "out/detector.json").read_text())["scope"]["measured"] == evaluated


def test_the_files_of_an_export(exported: Path, drawn: Path) -> None:
    card = json.loads((exported / "detector.json").read_text())
    assert {path.name for path in exported.iterdir()} == {
        "detector.json",
        "detector.onnx",
        "crops.py",
        "example.py",
        "face_detector.onnx",
        "gate.py",
        "views.py",
    }
    assert card["sha256"] == {name: sha256_of(exported / name) for name in ("detector.onnx", "face_detector.onnx")}
    assert card["onnx"]["weights_sha256"] == sha256_of(drawn / "weights.safetensors")
    assert card["onnx"]["check"]["faces"] == 8
    assert card["onnx"]["check"]["largest_difference"] < 1e-3
    own = json.loads((drawn / "detector.json").read_text())
    assert [card[key] for key in ("name", "faces", "calibration", "seed")] == [
        own[key] for key in ("name", "faces", "calibration", "seed")
    ]
    graph = onnx.load(exported / "detector.onnx").graph
    shape = [one.dim_param or one.dim_value for one in graph.input[0].type.tensor_type.shape.dim]
    assert (graph.input[0].name, shape[1:]) == ("pixels", [64, 64, 3])
    assert isinstance(shape[0], str)
    assert [output.name for output in graph.output] == ["logit", "score"]


def test_both_backends_agree(exported: Path, drawn: Path, picture: Path) -> None:
    (face,) = unseen.load(drawn, device="cpu").predict(picture)
    (own,) = unseen.load(exported, backend="onnx").predict(picture)
    assert own.logit == pytest.approx(face.logit, abs=1e-4)
    assert (own.box, own.verdict, own.detection_score) == (face.box, face.verdict, face.detection_score)


def test_the_onnx_backend_starts_without_torch(exported: Path, drawn: Path, picture: Path) -> None:
    (face,) = unseen.load(drawn, device="cpu").predict(picture)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, exported, picture],
        env={"PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=True,
    )
    logit, *rest = done.stdout.splitlines()[-1].split()
    assert float(logit) == pytest.approx(face.logit, abs=1e-4)
    assert " ".join(rest) == f"{face.verdict} 0 []"


def test_a_graph_that_gives_other_logits_is_not_written(
    drawn: Path, drawn_graph: onnx.ModelProto, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(drawn_graph)
    (bias,) = (one for one in other.graph.initializer if one.name.endswith("bias"))
    values = onnx.numpy_helper.to_array(bias) + np.float64(0.01)
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    monkeypatch.setattr(exporting, "graph_of", lambda *_: other)
    with pytest.raises(UserError, match=r"other logits than PyTorch: they differ by 0\.01 at batch size"):
        export(drawn, tmp_path / "out", faces=pictures)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_what_an_export_refuses(drawn: Path, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give a folder of face sets or pictures with `--faces FOLDER`"):
        export(drawn, tmp_path / "out")
    with pytest.raises(UserError, match="exclude each other"):
        export(drawn, tmp_path / "out", half=True, int8=True)
    with pytest.raises(UserError, match="int8 needs real and fake validation faces"):
        export(drawn, tmp_path / "out", int8=True, faces=pictures)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no face was found"):
        export(drawn, tmp_path / "out", faces=tmp_path / "empty")
    with pytest.raises(UserError, match="contains other files, which would be lost"):
        export(drawn, pictures, faces=pictures)
    with pytest.raises(UserError, match="is the detector's own folder"):
        export(drawn, drawn, faces=pictures)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_half_replaces_an_earlier_export(drawn: Path, exported: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(exported, out)
    done = export(drawn, out, half=True, faces=pictures)
    assert (done.precision, done.graph_bytes) == ("float16", (out / "detector.onnx").stat().st_size)
    assert done.graph_bytes < 0.6 * (exported / "detector.onnx").stat().st_size


def test_limits_of_faces_go_along(quick: None, drawn: Path, pictures: Path, tmp_path: Path) -> None:
    """The gate does not depend on the network, so it is the same in an export."""
    folder, out = tmp_path / "gated", tmp_path / "out"
    shutil.copytree(drawn, folder)
    limits = {"sharpness": 0.0, "blockiness": 9.0, "side": 500.0, "turn": 9.0, "faces": {}, "outside": {}}
    (folder / "gate.json").write_text(json.dumps(limits))
    export(folder, out, faces=pictures)
    assert {face.why for face in unseen.load(out, "onnx").predict(pictures / "0.pgm")} == {"small_face"}
