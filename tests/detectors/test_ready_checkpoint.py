"""A ready checkpoint: its own preprocessing, its weights by name, and no training."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from PIL import Image
from pydantic import ValidationError
from torch import Tensor

from unseen.core.errors import UserError
from unseen.core.scratch import Scratch
from unseen.data.pictures import Faces
from unseen.detectors.kinds import ready_checkpoint
from unseen.detectors.kinds.ready_checkpoint import ReadyCheckpoint
from unseen.detectors.shared.artifact import load_detector, save_detector
from unseen.detectors.shared.base import Task
from unseen.detectors.shared.logits import as_batch, logits_of
from unseen.detectors.shared.settings import CalibrationSettings
from unseen.detectors.shared.train import TrainingFaces, fit_detector
from unseen.faces.settings import FaceSettings

from .networks import copied, same

Both = tuple[Faces, Faces]
CPU = torch.device("cpu")
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
COLUMNS = ("id", "sha256", "source", "identity", "label", "generator", "attributes")


def settings(**changed: Any) -> ready_checkpoint.Settings:
    values = {
        "kind": "ready_checkpoint",
        "weights": "hub/community_forensics",
        "train_on": {"reals": "faces/people", "fakes": "fakes/own"},
        "backbone": "test_vit",
        "prefix": "vit.",
        "input_size": 64,
        "resize_to": 72,
        **IMAGENET,
    }
    return ready_checkpoint.Settings.model_validate(values | changed)


def stored(folder: Path, backbone: str = "test_vit", prefix: str = "vit.", **options: Any) -> Any:
    """A network with one logit, as PyTorchModelHubMixin stores a module that has it as an attribute."""
    torch.manual_seed(3)
    network = timm.create_model(backbone, num_classes=1, **options).eval()
    torch.nn.init.normal_(network.get_classifier().weight)
    folder.mkdir(exist_ok=True)
    state = {f"{prefix}{name}": value.contiguous() for name, value in network.state_dict().items()}
    safetensors.torch.save_file(state, folder / "model.safetensors")
    return network


def by_hand(network: Any, pixels: Tensor, resize_to: int, input_size: int) -> Tensor:
    """Preprocessing as torchvision's Resize, CenterCrop and Normalize do it, by Pillow."""
    mean, std = (torch.tensor(IMAGENET[name])[:, None, None] for name in ("mean", "std"))
    first = round((resize_to - input_size) / 2)
    inputs = []
    for picture in pixels.permute(0, 2, 3, 1).numpy():
        whole = Image.fromarray(picture).resize((resize_to, resize_to), Image.Resampling.BILINEAR)
        middle = whole.crop((first, first, first + input_size, first + input_size))
        inputs.append((torch.tensor(list(middle.tobytes())).view(input_size, input_size, 3) / 255).permute(2, 0, 1))
    with torch.no_grad():
        found: Tensor = network((torch.stack(inputs) - mean) / std).flatten()
    return found


@pytest.mark.parametrize("side", [32, 96])
def test_it_gives_the_logits_of_the_checkpoint_with_its_preprocessing(tmp_path: Path, faces: Both, side: int) -> None:
    network = stored(tmp_path / "hub", img_size=64)
    model = ready_checkpoint.create(settings(), tmp_path / "hub", side).eval()
    pixels = as_batch(faces[0].pixels[:6], CPU)
    pixels = torch.nn.functional.interpolate(pixels.float(), (side, side), mode="bicubic").clamp(0, 255).byte()
    with torch.no_grad():
        found = model(pixels)
    expected = by_hand(network, pixels, 72, 64)
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=0, atol=0.05 * float(expected.std()) + 0.01)
    opposite = ready_checkpoint.create(settings(fake_is=0), tmp_path / "hub", side).eval()
    with torch.no_grad():
        assert torch.equal(opposite(pixels), -found)


def test_without_resize_to_the_whole_picture_is_seen(tmp_path: Path, faces: Both) -> None:
    network = stored(tmp_path / "hub", "test_resnet", prefix="")
    own = settings(backbone="test_resnet", prefix="", resize_to=None, input_size=32)
    model = ready_checkpoint.create(own, tmp_path / "hub", 32).eval()
    pixels = as_batch(faces[0].pixels[:6], CPU)
    with torch.no_grad():
        torch.testing.assert_close(model(pixels), by_hand(network, pixels, 32, 32), rtol=1e-4, atol=1e-4)


def with_columns(faces: Faces) -> Faces:
    columns = {name: faces.columns.get(name, [""] * len(faces)) for name in COLUMNS}
    return Faces(faces.pixels, {**columns, "id": [f"one/{row}" for row in range(len(faces))]})


def test_it_is_only_calibrated_and_comes_back(tmp_path: Path, faces: Both, face_settings: FaceSettings) -> None:
    stored(tmp_path / "hub", img_size=64)
    own = settings()
    before = copied(ready_checkpoint.create(own, tmp_path / "hub", 32))
    both = TrainingFaces(*map(with_columns, faces))
    fitted = [
        fit_detector(both, own, CalibrationSettings(), tmp_path / "hub", seed, Scratch(tmp_path, "ready", seed))
        for seed in (1, 2)
    ]
    assert all(same(copied(one.model), before) for one in fitted), "the same for every training seed"
    assert fitted[0].calibration == fitted[1].calibration
    assert fitted[0].history == []
    assert fitted[0].trained_on["train"] == {"faces": {}, "people": 0, "without_identity": 0, "generators": []}
    assert fitted[0].trained_on["val"]["generators"], "temperature and threshold have seen these"
    save_detector(
        tmp_path / "saved",
        fitted[0].model,
        "ready_checkpoint",
        fitted[0].calibration,
        b"",
        {"name": "r", "faces": face_settings.model_dump(), "settings": own.model_dump()},
    )
    again = load_detector(tmp_path / "saved").model
    assert isinstance(again, ReadyCheckpoint)
    logits = [logits_of(model, faces[1].pixels[:6], CPU) for model in (again, fitted[0].model)]
    assert logits[0].tolist() == logits[1].tolist()


def test_fit_changes_nothing(tmp_path: Path, faces: Both) -> None:
    stored(tmp_path / "hub", img_size=64)
    model = ready_checkpoint.create(settings(), tmp_path / "hub", 32)
    before = copied(model)
    assert ready_checkpoint.fit(model, Task(settings(), *faces, 4, Scratch(tmp_path, "ready", 1))) == []
    assert same(copied(model), before)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"prefix": ""}, r"not a checkpoint of `test_vit` with one logit: `\S+` is (missing|not expected); correct"),
        (
            {"backbone": "test_vit2"},
            r"not a checkpoint of `test_vit2` .*correct `backbone`, `prefix` or `input_size`",
        ),
        ({"input_size": 32, "resize_to": 40}, r"`vit.pos_embed` has the shape \[1, 17, 64\], not \[1, \d+, 64\]"),
        ({"backbone": "test_vitt"}, r"'test_vitt', which is not a network of timm; did you mean `test_vit"),
    ],
)
def test_what_is_no_such_checkpoint_is_one_line(tmp_path: Path, changed: Any, message: str) -> None:
    stored(tmp_path / "hub", img_size=64)
    with pytest.raises(UserError, match=message) as error:
        ready_checkpoint.create(settings(**changed), tmp_path / "hub", 32)
    assert "\n" not in str(error.value)


def test_a_classifier_of_1000_classes_and_pickles_are_refused(tmp_path: Path) -> None:
    stored(tmp_path / "hub", img_size=64)
    (tmp_path / "hub" / "model.safetensors").unlink()
    torch.save({}, tmp_path / "hub" / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"expected model.safetensors"):
        ready_checkpoint.create(settings(), tmp_path / "hub", 32)
    network = timm.create_model("test_vit", img_size=64)
    state = {f"vit.{name}": value.contiguous() for name, value in network.state_dict().items()}
    safetensors.torch.save_file(state, tmp_path / "hub" / "model.safetensors")
    with pytest.raises(UserError, match=r"`vit.head.(bias|weight)` has the shape \[1000"):
        ready_checkpoint.create(settings(), tmp_path / "hub", 32)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": "none"},
        {"weights": "hub"},
        {"mean": [0.5]},
        {"std": [0.0, 0.5, 0.5]},
        {"mean": [124, 116, 104]},
        {"resize_to": 48},
        {"fake_is": 2},
    ],
)
def test_knobs_that_do_not_fit_are_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_mean_and_std_have_no_default() -> None:
    values = settings().model_dump(exclude={"mean", "std"})
    with pytest.raises(ValidationError, match="mean"):
        ready_checkpoint.Settings.model_validate(values)
