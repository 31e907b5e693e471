"""The identity twin, a null control: encoded again without a network, it is not told from its real."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from scipy.fft import dctn

from faces_for_training import OrlFaces, encoded, stored
from unseen.audit.shortcuts import audit, folds_of, separation
from unseen.autoencoders.identity import before_encode, uncompressed
from unseen.autoencoders.makers import twin_makers
from unseen.autoencoders.settings import OWN, TwinSettings
from unseen.autoencoders.twins import twin_set
from unseen.core.settings import validated
from unseen.data.evaluation_sets import IDENTITY
from unseen.data.pictures import Pixels, decode_crop
from unseen.data.shards import open_set
from unseen.data.splits import Split
from unseen.faces.detect import FaceDetector
from unseen.faces.preprocess import Crop, preprocess_pictures
from unseen.faces.settings import FaceSettings
from unseen.params.check import Params
from unseen.params.references import problems

SEED = 4

Floats = npt.NDArray[np.float64]


def coloured(faces: Pixels) -> Pixels:
    """Grey faces with fine colour, as photos have at small sizes."""
    random = np.random.default_rng(SEED)
    colour = random.normal(0, 24, (*faces.shape[:3], 2))
    shift = np.stack(
        [1.402 * colour[..., 0], -0.344 * colour[..., 1] - 0.714 * colour[..., 0], 1.772 * colour[..., 1]], -1
    )
    return np.rint(faces + shift).clip(0, 255).astype(np.uint8)


def files_of(faces: Pixels) -> list[bytes]:
    """Stored crops, at qualities from 75 to 95."""
    return [encoded(face, quality=75 + number % 21, subsampling="4:2:0") for number, face in enumerate(faces)]


def again(pixels: Pixels, like: bytes) -> bytes:
    """Pixels encoded as a file was."""
    tables = Image.open(io.BytesIO(like)).quantization  # type: ignore[attr-defined]
    return encoded(pixels, qtables=tables, subsampling="4:2:0")


def colour_detail(files: list[bytes]) -> list[float]:
    """The energy of each file's fine chroma."""
    chroma = [np.asarray(Image.open(io.BytesIO(file)).convert("YCbCr"), float)[..., 1:] for file in files]
    blocks = [one.reshape(8, 8, 8, 8, 2).transpose(0, 2, 4, 1, 3) for one in chroma]
    return [float(np.log((dctn(one, axes=(3, 4))[..., 2:4, 2:4] ** 2).mean() + 1e-6)) for one in blocks]


def auc_of(reals: list[bytes], twins: list[bytes], people: list[str]) -> dict[str, float]:
    labels = np.repeat([0, 1], len(reals))
    values: list[float | str] = [*colour_detail(reals), *colour_detail(twins)]
    independent = (len(set(people)), len(set(people)))
    return separation([values], labels, folds_of(labels, people * 2), independent)


def test_a_second_encode_is_a_trace_unless_twins_are_corrected(orl_faces: OrlFaces) -> None:
    files = files_of(coloured(orl_faces.large))
    crops = [decode_crop(file) for file in files]
    plain = [again(crop, file) for crop, file in zip(crops, files, strict=True)]
    twins = [again(before_encode(file, crop), file) for crop, file in zip(crops, files, strict=True)]
    assert auc_of(files, plain, orl_faces.people)["low"] > 0.9
    found = auc_of(files, twins, orl_faces.people)
    assert found["low"] < 0.5 < found["high"]
    assert abs(found["auc"] - 0.5) < 0.02
    same = np.mean([made == file for made, file in zip(twins, files, strict=True)])
    assert same > 0.5


def test_what_a_network_changes_stays_changed(orl_faces: OrlFaces) -> None:
    file = files_of(coloured(orl_faces.large[:1]))[0]
    crop = decode_crop(file)
    twin = crop.copy()
    twin[20:40, 20:40] //= 2
    made = decode_crop(again(before_encode(file, twin), file)).astype(float)
    assert np.abs(made - twin)[24:36, 24:36].mean() < 6 < np.abs(made - crop)[24:36, 24:36].mean()
    assert np.abs(made - crop)[48:].mean() < 1


@pytest.mark.parametrize("options", [{"quality": 75}, {"quality": 95}, {"quality": 40}])
def test_the_uncompressed_picture_of_a_grey_or_coloured_file(orl_faces: OrlFaces, options: dict[str, Any]) -> None:
    for faces in (orl_faces.large[:4], coloured(orl_faces.large[:4])):
        for file in (encoded(face, subsampling="4:2:0", **options) for face in faces):
            pixels = uncompressed(file)
            assert pixels.shape == (64, 64, 3)
            made = decode_crop(again(np.rint(pixels).clip(0, 255).astype(np.uint8), file)).astype(float)
            assert np.abs(made - decode_crop(file)).mean() < 0.2


def test_identity_twins_of_photos_are_not_told_from_them(
    tmp_path: Path, orl_faces: OrlFaces, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    files = [encoded(face, "PNG") for face in orl_faces.large]
    found = preprocess_pictures(files, face_detector, face_settings, SEED, "whole")
    kept = [(crop, one) for crop, one in zip(found, orl_faces.people, strict=True) if isinstance(crop, Crop)]
    crops, people = [crop for crop, _ in kept], [one for _, one in kept]
    splits: list[Split] = ["test" if int(one.rpartition("s")[2]) > 20 else "train" for one in people]
    hashes = [crop.sha256 for crop in crops]
    reals = stored(tmp_path / "orl", [crop.jpeg for crop in crops], people, splits, hashes=hashes)
    knobs = TwinSettings(group="control", use="held_out", autoencoder=OWN + IDENTITY, of="faces/people")
    makers = twin_makers(knobs, tmp_path / "models", torch.device("cpu"))
    twin_set("control", knobs, makers, [reals], face_detector, face_settings, SEED, tmp_path / "control")
    twins = open_set(tmp_path / "control")
    columns = ["generator", "identity", "split", "attributes"]
    rows = twins.index(["train", "val", "test"], columns)
    assert set(rows["generator"]) == {IDENTITY}
    assert {key for made in rows["attributes"] for key, _ in made} == {"number", "twin_of"}, (
        "no network and so no training seed"
    )
    assert len(rows["identity"]) > 0.9 * len(crops)
    assert set(zip(rows["identity"], rows["split"], strict=True)) <= set(zip(people, splits, strict=True))
    pair = audit([reals, twins], face_detector, max_auc=0.6)["pairs"]["orl / control"]
    cues = pair["picture"]["cues"] | pair["file"]["cues"]
    assert {name: cue for name, cue in cues.items() if not cue["low"] < 0.5 < cue["high"]} == {}
    assert pair["picture"]["together"]["low"] < 0.5 < pair["picture"]["together"]["high"]


def with_control(data: dict[str, Any], **changed: Any) -> list[str]:
    """What is wrong with params.yaml and a set of identity twins."""
    control = {"group": "control", "use": "held_out", "autoencoder": OWN + IDENTITY, "of": "faces/people"}
    data["twins"] = {"control": control | changed}
    return list(problems(validated(Params, data, "")))


def test_identity_twins_need_no_autoencoder(params_data: dict[str, Any]) -> None:
    assert with_control(params_data) == []


def test_identity_twins_train_nothing(params_data: dict[str, Any]) -> None:
    (found,) = with_control(params_data, use="train")
    assert found.startswith("params: `twins.control.use` is 'train', but identity twins are real faces")
    assert found.endswith("allowed: held_out")


def test_no_autoencoder_is_called_identity(params_data: dict[str, Any]) -> None:
    params_data["autoencoders"] = {IDENTITY: {"train_on": "faces/people", "weights": "none"}}
    assert any(one.startswith("params: `autoencoders.identity` has the name of") for one in with_control(params_data))


def test_identity_twins_are_in_no_pair(params_data: dict[str, Any]) -> None:
    with_control(params_data)
    params_data["evaluation_sets"]["control"] = {"data": "fakes/control/control", "split": "test"}
    stated = params_data["evaluation"]["pairs"]
    params_data["evaluation"]["pairs"] = {}
    params: Params = validated(Params, params_data, "")
    assert list(problems(params)) == []
    assert {pair.fakes for pair in params.pairs().values()} == {"dcgan_fakes", "resize_conv_fakes"}
    pair = {"reals": "orl_unseen_people", "fakes": "control", "matched": True}
    params_data["evaluation"]["pairs"] = {**stated, "null": pair}
    (found,) = problems(validated(Params, params_data, ""))
    assert found.startswith("params: `evaluation.pairs.null.fakes` is 'control', which holds identity twins")
