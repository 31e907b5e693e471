"""A native set from the photo to the score: training on random crops, scoring with five, the same in prediction."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from unseen.data.pictures import Crops
from unseen.data.predictions import read_predictions
from unseen.data.set_writer import write_set
from unseen.data.shards import FaceSet, open_set
from unseen.data.splits import Split
from unseen.detectors.kinds import efficientnet_lite0
from unseen.detectors.scoring.score import score_set
from unseen.detectors.shared.artifact import load_detector, save_trainings
from unseen.detectors.shared.batches import Batches
from unseen.detectors.shared.settings import CalibrationSettings
from unseen.detectors.shared.train import fit_trainings, load_training_faces
from unseen.detectors.shared.views import View
from unseen.faces.detect import FaceDetector
from unseen.faces.gather import face_row
from unseen.faces.preprocess import Crop, preprocess_pictures
from unseen.faces.rules import Facts
from unseen.faces.settings import FaceSettings
from unseen.serve.api import load

FACES = FaceSettings(native=True, side=160, min_crop=32)
SPLITS: list[Split] = ["train", "val", "test"]


def native_set(folder: Path, files: dict[str, bytes], face_detector: FaceDetector, generator: str = "") -> FaceSet:
    """Photos by path; every third is of another split."""

    def rows():  # type: ignore[no-untyped-def]
        crops = preprocess_pictures(list(files.values()), face_detector, FACES, 0, "found")
        for number, (path, crop) in enumerate(zip(files, crops, strict=True)):
            assert isinstance(crop, Crop), crop
            facts = Facts(f"{folder.name}/{number}", SPLITS[number % 3], {})
            yield face_row(crop, path, folder.name, generator, facts)

    write_set(folder, folder.name, "train", 1 if generator else 0, rows(), FACES.native_side())
    return open_set(folder)


@pytest.fixture(scope="module")
def photos(orl_pictures: dict[str, bytes]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """15 photos at different sizes, and the same blocky."""
    reals, fakes = {}, {}
    for number, data in enumerate(list(orl_pictures.values())[:15]):
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        width = 60 + 20 * (number % 5)
        plain = picture.resize((width, width * 112 // 92), Image.Resampling.BICUBIC)
        half = plain.resize((plain.width // 2, plain.height // 2)).resize(plain.size, Image.Resampling.NEAREST)
        for kind, made in ((reals, plain), (fakes, half)):
            buffer = io.BytesIO()
            made.save(buffer, "PNG")
            kind[f"{number:02d}.png"] = buffer.getvalue()
    return reals, fakes


@pytest.fixture(scope="module")
def sets(
    photos: tuple[dict[str, bytes], dict[str, bytes]],
    face_detector: FaceDetector,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[FaceSet]:
    folder = tmp_path_factory.mktemp("sets")
    return [
        native_set(folder / "reals", photos[0], face_detector),
        native_set(folder / "fakes", photos[1], face_detector, "blocks"),
    ]


def settings(**knobs: object) -> efficientnet_lite0.Settings:
    train_on = {"reals": "faces/people", "fakes": "fakes/own"}
    small = {"input_size": 64, "steps": 2, "frozen_steps": 1, "batch": 4, "validate_every": 2}
    return efficientnet_lite0.Settings.model_validate(
        {"kind": "efficientnet_lite0", "weights": "none", "train_on": train_on, **small, **knobs}
    )


@pytest.mark.parametrize("knobs", [{"view": "crop", "views": 5}, {"view": "resize"}])
def test_prediction_gives_the_score_of_the_evaluation(
    tmp_path: Path,
    sets: list[FaceSet],
    photos: tuple[dict[str, bytes], dict[str, bytes]],
    face_detector_model: bytes,
    knobs: dict[str, object],
) -> None:
    (tmp_path / "none").mkdir()
    trainings = fit_trainings(
        sets=sets,
        settings=settings(**knobs),
        calibration=CalibrationSettings(),
        weights=tmp_path / "none",
        seeds=[0],
        scratch=tmp_path / "scratch",
        title="native",
    )
    ((model, calibration),) = [(one.model, one.calibration) for one in trainings.trained.values()]
    # Two steps from a last layer of zeros: without this all logits are nearly the same.
    with torch.no_grad():
        next(iter(model.head().parameters())).normal_(generator=torch.Generator().manual_seed(0))
    card = {
        "name": "native",
        "faces": FACES.model_dump(),
        "seed": 0,
        "settings": settings(**knobs).model_dump(),
        "trained_on": {},
    }
    save_trainings(tmp_path / "detector", "efficientnet_lite0", {0: (model, calibration)}, face_detector_model, card)

    detector = load_detector(tmp_path / "detector")
    assert detector.model.view == View(str(knobs["view"]), 64, int(str(knobs.get("views", 1))))  # type: ignore[arg-type]
    score_set(detector, 0, "test", sets[0].folder, tmp_path / "scores.parquet")
    scores = read_predictions(tmp_path / "scores.parquet").set_index("id")["logit"]
    assert scores.std() > 0.01
    paths = []
    for name, data in photos[0].items():
        if f"reals/{name}" in scores.index:
            paths.append(tmp_path / name)
            paths[-1].write_bytes(data)
    assert len(paths) >= 5
    for path, (face, *_) in zip(paths, load(tmp_path / "detector").predict(paths), strict=True):
        assert face.logit == pytest.approx(scores[f"reals/{path.name}"], abs=1e-4)


def test_a_pair_is_cut_at_the_same_place(sets: list[FaceSet]) -> None:
    faces = load_training_faces(sets).train
    assert isinstance(faces, Crops)
    faces.columns["twin_of"] = [
        str(name).replace("fakes/", "reals/") if label else ""
        for name, label in zip(faces.columns["id"], faces.labels, strict=True)
    ]
    still = {"blur": 0, "jpeg": 0}
    knobs = settings(view="crop", paired=True, augment=still)
    (batch,) = Batches(faces, knobs, 0, View("crop", 64))(range(1))
    assert batch.pixels.shape == (4, 64, 64, 3)
    for real, fake in ((0, 2), (1, 3)):
        errors = [np.abs(batch.pixels[real].astype(int) - batch.pixels[other]).mean() for other in (2, 3)]
        assert errors[fake - 2] == min(errors) < 20


def test_other_draws_of_a_step_do_not_depend_on_the_view(sets: list[FaceSet]) -> None:
    faces = load_training_faces(sets).train
    first, second = (
        next(Batches(faces, settings(view=kind), 0, View(kind, 64))(range(1)))  # type: ignore[arg-type]
        for kind in ("crop", "resize")
    )
    assert first.rows.tolist() == second.rows.tolist()
