"""The DCT regression: its transform, its features, and that it finds an artefact on people it has not seen."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from sklearn.metrics import roc_auc_score

from faces_for_training import OrlFaces, labelled, upsampled
from unseen.core.scratch import Scratch
from unseen.data.pictures import Faces, Pixels
from unseen.detectors.kinds import dct_logistic
from unseen.detectors.kinds.dct_logistic import DctLogistic, dct_matrix
from unseen.detectors.shared.artifact import load_detector, save_detector
from unseen.detectors.shared.base import Task
from unseen.detectors.shared.calibration import calibrate
from unseen.detectors.shared.logits import as_batch, logits_of
from unseen.detectors.shared.settings import CalibrationSettings
from unseen.faces.settings import FaceSettings

CPU = torch.device("cpu")


def knobs(penalty: float = 100.0) -> dct_logistic.Settings:
    return dct_logistic.Settings.model_validate(
        {
            "kind": "dct_logistic",
            "weights": "none",
            "train_on": {"reals": "faces/people", "fakes": "fakes/own"},
            "penalty": penalty,
        }
    )


def fitted(train: Faces, val: Faces, folder: Path, penalty: float = 100.0) -> DctLogistic:
    model = dct_logistic.create(knobs(penalty), folder, train.pixels.shape[1])
    assert dct_logistic.fit(model, Task(knobs(penalty), train, val, 4, Scratch(folder, "dct", 1))) == []
    assert isinstance(model, DctLogistic)
    return model


@pytest.fixture(scope="module")
def people(orl_faces: OrlFaces) -> tuple[Faces, Faces]:
    """Real faces beside upsampled ones; 28 people, and 12 others."""
    train, val = orl_faces.small[:84], orl_faces.small[84:]
    return labelled(train, upsampled(train)), labelled(val, upsampled(val))


@pytest.mark.parametrize("size", [8, 32, 64])
def test_matrix_is_scipys_orthonormal_dct(size: int) -> None:
    picture = np.random.default_rng(0).uniform(0, 255, (size, size))
    matrix = dct_matrix(size)
    ours = (matrix @ torch.from_numpy(picture) @ matrix.T).numpy()
    np.testing.assert_allclose(ours, dctn(picture, type=2, norm="ortho"), atol=1e-9)
    np.testing.assert_allclose((matrix @ matrix.T).numpy(), np.eye(size), atol=1e-12)


def test_features_of_a_cosine_stand_at_its_frequency() -> None:
    size, frequency = 32, 5
    wave = 128 + 50 * np.cos(np.pi * (2 * np.arange(size) + 1) * frequency / (2 * size))
    picture = np.broadcast_to(wave.round().astype(np.uint8)[None, :, None], (size, size, 3))
    found = DctLogistic(size).features(as_batch(picture[None], CPU)).reshape(size, size)
    assert found.dtype == torch.float64
    assert found[0, 0].item() == pytest.approx(np.log(128 * size), rel=1e-3)
    assert found[0, frequency].item() == pytest.approx(np.log(50 * size / np.sqrt(2)), rel=1e-3)
    found[0, 0] = found[0, frequency] = -np.inf
    assert found.max() < np.log(50), "nothing but rounding elsewhere"


def test_features_are_of_the_grey_picture() -> None:
    pixels = np.zeros((3, 32, 32, 3), np.uint8)
    for colour in range(3):
        pixels[colour, ..., colour] = 200
    brightness = DctLogistic(32).features(as_batch(pixels, CPU))[:, 0].exp() / 32 / 200
    np.testing.assert_allclose(brightness.numpy(), [0.299, 0.587, 0.114], rtol=1e-5)


def test_features_of_a_black_picture_are_finite() -> None:
    assert torch.isfinite(DctLogistic(32).features(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))).all()


def test_it_tells_upsampled_faces_of_strangers_apart(people: tuple[Faces, Faces], tmp_path: Path) -> None:
    train, val = people
    logits = logits_of(fitted(train, val, tmp_path), val.pixels, CPU)
    assert roc_auc_score(val.labels, logits) > 0.95
    assert logits[val.labels == 1].mean() > 0 > logits[val.labels == 0].mean(), "positive for fake"


def test_it_finds_nothing_where_there_is_nothing(orl_faces: OrlFaces, tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(120)
    train, val = (
        labelled(orl_faces.small[rows[::2]], orl_faces.small[rows[1::2]]) for rows in (order[:80], order[80:])
    )
    assert abs(roc_auc_score(val.labels, logits_of(fitted(train, val, tmp_path), val.pixels, CPU)) - 0.5) < 0.3


def test_validation_faces_are_not_fitted_on(people: tuple[Faces, Faces], tmp_path: Path) -> None:
    train, val = people
    first, second = fitted(train, val, tmp_path), fitted(train, train, tmp_path)
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(first.mean, second.mean)


def test_both_classes_weigh_the_same(people: tuple[Faces, Faces], tmp_path: Path) -> None:
    train, val = people
    reals, fakes = train.pixels[train.labels == 0], train.pixels[train.labels == 1]
    few = labelled(reals, fakes[:12])
    logits = logits_of(fitted(few, val, tmp_path), few.pixels, CPU)
    middle = (logits[few.labels == 0].mean() + logits[few.labels == 1].mean()) / 2
    assert abs(middle) < 0.5, "seven reals to a fake do not move the boundary to the fakes"


def test_a_stronger_penalty_gives_smaller_weights(people: tuple[Faces, Faces], tmp_path: Path) -> None:
    weak, strong = (fitted(*people, tmp_path, penalty).weight.norm() for penalty in (1.0, 1000.0))
    assert strong < weak


def test_logits_survive_saving(
    people: tuple[Faces, Faces], tmp_path: Path, face_settings: FaceSettings, orl_faces: OrlFaces
) -> None:
    train, val = people
    model = fitted(train, val, tmp_path)
    before = logits_of(model, val.pixels, CPU)
    calibration = calibrate(before, val.labels, CalibrationSettings(max_fpr=0.05, unsure_tail=0.01))
    card = {"name": "dct", "faces": face_settings.model_dump()}
    save_detector(tmp_path / "dct", model, "dct_logistic", calibration, b"face_detector", card)
    loaded = load_detector(tmp_path / "dct")
    assert np.array_equal(logits_of(loaded.model, val.pixels, CPU), before)
    assert loaded.calibration == calibration


def test_same_faces_same_bytes(people: tuple[Faces, Faces], tmp_path: Path) -> None:
    first, second = (fitted(*people, tmp_path).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_more_faces_than_there_is_memory_for_are_sampled(
    people: tuple[Faces, Faces], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, val = people
    taken: list[int] = []
    original = Faces.take

    def take(faces: Faces, rows: Iterable[int], *rest: Any) -> Pixels:
        rows = list(rows)
        taken.extend(rows)
        return original(faces, rows, *rest)

    monkeypatch.setattr(Faces, "take", take)
    monkeypatch.setattr(dct_logistic, "FEATURE_BYTES", 8 * train.pixels[0, ..., 0].size * 100)
    first, second = (fitted(train, val, tmp_path / name) for name in ("first", "second"))
    assert len(taken) == 200
    assert len(set(taken)) == 100 < len(train)
    assert taken[:100] == sorted(taken[:100]) == taken[100:], "the same training seed draws the same sample"
    assert torch.equal(first.weight, second.weight)
    assert roc_auc_score(val.labels, logits_of(first, val.pixels, CPU)) > 0.9
