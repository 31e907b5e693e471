"""A set of twins: each linked to its real, and stored as its real is."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from faces_for_training import OrlFaces, bytes_below, encoded, stored
from gans.tiny import AUTOENCODER
from unseen.autoencoders.makers import TwinMakers
from unseen.autoencoders.settings import TwinSettings
from unseen.autoencoders.twins import twin_set
from unseen.core.errors import UserError
from unseen.core.settings import validated
from unseen.data.shards import FaceSet, open_set
from unseen.data.splits import Split
from unseen.faces.detect import FaceDetector
from unseen.faces.preprocess import Crop, preprocess_pictures
from unseen.faces.settings import FaceSettings
from unseen.params.check import Params
from unseen.params.references import check, problems

SEED = 4


class Mirror(nn.Module):
    """An autoencoder without a flaw but one: some pictures come back grey."""

    def __init__(self, grey: int = 0) -> None:
        super().__init__()
        self.weight, self.left = nn.Parameter(torch.ones(())), grey

    def forward(self, pictures: Tensor) -> Tensor:
        twins = pictures * self.weight
        twins[: self.left] = 0
        self.left = 0
        return twins


def reals(folder: Path, faces: OrlFaces, face_detector: FaceDetector, settings: FaceSettings) -> FaceSet:
    """Photos of 9 people, encoded as in preprocessing, at a quality that depends on their bytes."""
    files = [encoded(face, "PNG") for face in faces.large[:27]]
    crops = [
        crop for crop in preprocess_pictures(files, face_detector, settings, SEED, "whole") if isinstance(crop, Crop)
    ]
    assert len(crops) == 27
    splits: list[Split] = [*["train"] * 12, *["val"] * 9, *["test"] * 6]  # type: ignore[list-item]
    hashes = [crop.sha256 for crop in crops]
    return stored(folder / "orl", [crop.jpeg for crop in crops], faces.people[:27], splits, hashes=hashes)


def twins(
    folder: Path, net: nn.Module, of: FaceSet, face_detector: FaceDetector, settings: FaceSettings
) -> dict[str, Any]:
    knobs = TwinSettings(
        group="own", use="train", autoencoder="autoencoders/auto", of="faces/people", low_frequencies=0.0
    )
    return twin_set(folder.name, knobs, TwinMakers("auto", {0: net}), [of], face_detector, settings, SEED, folder)


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / "part-00000.parquet").to_pylist()
    return found


def qualities(row: dict[str, Any]) -> object:
    return Image.open(io.BytesIO(row["image"]["bytes"])).quantization  # type: ignore[attr-defined]


def test_each_real_has_its_twin_beside_it(
    tmp_path: Path, orl_faces: OrlFaces, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    of = reals(tmp_path, orl_faces, face_detector, face_settings)
    counts = twins(tmp_path / "twins", Mirror(), of, face_detector, face_settings)
    originals = {row["id"]: row for row in rows(tmp_path / "orl")}
    made = rows(tmp_path / "twins")
    assert counts["read"] == 27 == counts["kept"] + sum(counts["dropped"].values())
    assert len(made) == counts["kept"] >= 24
    assert len({row["id"] for row in made}) == len(made)
    for row in made:
        linked = dict(row["attributes"])
        real = originals[linked.pop("twin_of")]
        assert row["id"] == f"twins/{real['id']}"
        assert linked.pop("training_seed") == "0"
        assert linked == dict(real["attributes"])
        assert (row["identity"], row["split"]) == (real["identity"], real["split"])
        assert (row["label"], row["generator"], row["source"]) == (1, "auto", "twins")
        assert qualities(row) == qualities(real), "encoded at the real's own quality"
        assert row["sha256"] != real["sha256"]
        pictures = [
            np.asarray(Image.open(io.BytesIO(one["image"]["bytes"])).convert("RGB"), float) for one in (row, real)
        ]
        assert np.abs(pictures[0] - pictures[1]).mean() < 4
    assert len({str(qualities(row)) for row in made}) > 5, "reals differ in quality"
    assert (open_set(tmp_path / "twins").use, open_set(tmp_path / "twins").label) == ("train", 1)


def test_twins_of_a_native_set_have_the_sides_of_their_reals(
    tmp_path: Path, orl_faces: OrlFaces, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    native = face_settings.model_copy(update={"native": True, "side": 96})
    sides = [48 + 8 * (number % 4) for number in range(12)]
    files = [
        encoded(np.asarray(Image.fromarray(face).resize((side, side))), "PNG")
        for face, side in zip(orl_faces.large, sides, strict=False)
    ]
    crops = [one for one in preprocess_pictures(files, face_detector, native, SEED, "whole") if isinstance(one, Crop)]
    hashes = [crop.sha256 for crop in crops]
    splits: list[Split] = ["train"] * len(crops)
    jpegs = [crop.jpeg for crop in crops]
    of = stored(tmp_path / "orl", jpegs, orl_faces.people[: len(crops)], splits, hashes=hashes, native=96)
    twins(tmp_path / "mirror", Mirror(), of, face_detector, native)
    assert open_set(tmp_path / "mirror").native
    originals = {row["id"]: row for row in rows(tmp_path / "orl")}
    made = rows(tmp_path / "mirror")
    assert len(made) >= 10
    for row in made:
        real = originals[dict(row["attributes"])["twin_of"]]
        pictures = [np.asarray(Image.open(io.BytesIO(one["image"]["bytes"])), float) for one in (row, real)]
        assert pictures[0].shape == pictures[1].shape
        assert np.abs(pictures[0] - pictures[1]).mean() < 4
    assert len({len(np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))) for row in made}) == 4


def test_a_twin_without_a_face_is_dropped_and_counted(
    tmp_path: Path, orl_faces: OrlFaces, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    of = reals(tmp_path, orl_faces, face_detector, face_settings)
    whole = twins(tmp_path / "whole", Mirror(), of, face_detector, face_settings)
    counts = twins(tmp_path / "twins", Mirror(grey=5), of, face_detector, face_settings)
    assert list(counts["dropped"]) == ["no_face"]
    assert 0 < counts["dropped"]["no_face"] - sum(whole["dropped"].values()) <= 5
    assert counts["read"] == 27 == counts["kept"] + counts["dropped"]["no_face"]
    with (tmp_path / "twins" / "dropped.csv").open() as handle:
        assert all(line["path"].startswith("orl/") for line in csv.DictReader(handle))


def test_same_bytes_twice(
    tmp_path: Path, orl_faces: OrlFaces, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    of = reals(tmp_path, orl_faces, face_detector, face_settings)
    for part in ("one", "two"):
        twins(tmp_path / part / "twins", Mirror(), of, face_detector, face_settings)
    assert bytes_below(tmp_path / "one") == bytes_below(tmp_path / "two")


def test_an_autoencoder_that_draws_no_face_is_one_line(
    tmp_path: Path, orl_faces: OrlFaces, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    of = reals(tmp_path, orl_faces, face_detector, face_settings)
    with pytest.raises(UserError, match=r"`twins`: no face was stored"):
        twins(tmp_path / "twins", Mirror(grey=27), of, face_detector, face_settings)
    assert not (tmp_path / "twins").exists()


@pytest.mark.parametrize(
    ("use", "generator", "fragment"),
    [("held_out", "", "`orl` is held out, but its twins would train"), ("train", "somegan", "`orl` holds fakes")],
)
def test_twins_that_train_are_of_reals_that_train(
    tmp_path: Path,
    orl_faces: OrlFaces,
    face_detector: FaceDetector,
    face_settings: FaceSettings,
    use: str,
    generator: str,
    fragment: str,
) -> None:
    of = stored(tmp_path / "orl", [encoded(orl_faces.large[0])], ["orl/s1"], ["train"], use, generator)
    with pytest.raises(UserError, match=fragment):
        twins(tmp_path / "twins", Mirror(), of, face_detector, face_settings)
    assert not (tmp_path / "twins").exists()


def params_with(data: dict[str, Any], maker: dict[str, Any], **changed: Any) -> Params:
    """params.yaml with one autoencoder and one set of twins."""
    made = {
        "group": "twins",
        "use": "train",
        "autoencoder": "autoencoders/auto",
        "of": "faces/people",
        "low_frequencies": 0.25,
    }
    data["autoencoders"] = {"auto": AUTOENCODER | maker}
    data["twins"] = {"auto_twins": made | changed}
    params: Params = validated(Params, data, "")
    return params


def test_twins_that_fit_are_fine(params_data: dict[str, Any]) -> None:
    params = params_with(params_data, {})
    check(params)
    assert params.set_folders()["fakes/twins/auto_twins"] == ("auto_twins", "train", "fake")
    assert params.drawn_by("auto_twins") == "auto"
    check(params_with(params_data, {"weights": "gans/dcgan"}))


@pytest.mark.parametrize(
    ("autoencoder", "changed", "message"),
    [
        (
            {},
            {"autoencoder": "auto"},
            "`twins.auto_twins.autoencoder` is 'auto'; allowed: autoencoders/auto, autoencoders/identity",
        ),
        (
            {},
            {"autoencoder": "hub/vae"},
            "`twins.auto_twins.autoencoder` is 'hub/vae'; allowed: autoencoders/auto, autoencoders/identity",
        ),
        ({}, {"of": "fakes/own"}, "`twins.auto_twins.of` is 'fakes/own', but `dcgan_fakes` in it is fake, not real"),
        ({}, {"of": "faces/nobody"}, "`twins.auto_twins.of` is 'faces/nobody', which holds no set"),
        ({"train_on": "fakes/own"}, {}, "`autoencoders.auto.train_on` is 'fakes/own', but"),
        ({"weights": "gans/dcgun"}, {}, "`autoencoders.auto.weights` is 'gans/dcgun'"),
        (
            {"weights": "gans/resize_conv"},
            {},
            "`autoencoders.auto.weights` is 'gans/resize_conv', whose fakes `resize_conv_fakes` are `use: held_out`",
        ),
    ],
)
def test_twins_that_do_not_fit_are_one_line(
    params_data: dict[str, Any], autoencoder: dict[str, Any], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as error:
        check(params_with(params_data, autoencoder, **changed))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_held_out_twins_are_of_an_autoencoder_that_trains_none(params_data: dict[str, Any]) -> None:
    params = params_with(params_data, {}).model_dump()
    params["autoencoders"]["again"] = params["autoencoders"]["auto"]
    params["twins"]["kept"] = params["twins"]["auto_twins"] | {
        "group": "held_out",
        "use": "held_out",
        "autoencoder": "autoencoders/again",
    }
    with pytest.raises(UserError, match=r"`twins\.kept.use` is 'held_out', but `auto_twins` of the same autoencoder"):
        check(validated(Params, params, ""))
    params["autoencoders"]["again"] = params["autoencoders"]["auto"] | {"upsample": "nearest"}
    check(validated(Params, params, ""))


def test_a_held_out_gan_may_lend_its_blocks_to_held_out_twins(params_data: dict[str, Any]) -> None:
    params = params_with(params_data, {"weights": "gans/resize_conv"}, use="held_out", group="held_out")
    assert list(problems(params)) == []
