"""Detectors under changed pictures: each face decoded once, clean logits kept, thresholds frozen."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from evaluation import made_up
from faces_for_training import OrlFaces, encoded, stored
from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.core.settings import validated
from unseen.data import pictures
from unseen.data.evaluation_sets import Pair
from unseen.data.pictures import Pixels, load_faces
from unseen.data.shards import open_set
from unseen.detectors.kinds import dct_logistic
from unseen.detectors.shared.artifact import TrainedDetector, load_detector, save_detector
from unseen.detectors.shared.logits import logits_of
from unseen.evaluation.bootstrap import Resampling
from unseen.faces.settings import FaceSettings
from unseen.robustness import robustness
from unseen.robustness.changes import CHANGES
from unseen.robustness.robustness import SCHEMA, as_table, as_tree, measure_robustness, score_changes
from unseen.robustness.settings import ChangeLevels, RobustnessSettings

LEVELS = ChangeLevels(jpeg=[50], blur=[0.0, 1.0], noise=[4.0])
CELLS = [("clean", 0.0), ("jpeg", 50.0), ("blur", 0.0), ("blur", 1.0), ("noise", 4.0)]
NAMES = ("one", "two", "three")


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_THREADS", "1")


@pytest.fixture
def detectors(tmp_path: Path, face_settings: FaceSettings) -> list[TrainedDetector]:
    """Three of random weights, each with a temperature of its own."""
    for seed, name in enumerate(NAMES):
        model = dct_logistic.DctLogistic(32)
        model.mean += 3.0
        model.scale += 1.5
        random = torch.Generator().manual_seed(seed)
        model.weight += torch.randn(32 * 32, generator=random, dtype=torch.float64) / 32
        calibration = Calibration(1.0 + seed, 0.6, (0.4, 0.7), 0.05, {})
        card = {"name": name, "faces": {**face_settings.model_dump(), "side": 32}}
        save_detector(tmp_path / name, model, "dct_logistic", calibration, b"", card)
    return [load_detector(tmp_path / name) for name in NAMES]


@pytest.fixture
def folders(tmp_path: Path, orl_faces: OrlFaces) -> dict[str, Path]:
    """30 reals and 20 fakes that are held out."""
    files = [encoded(face, quality=90) for face in orl_faces.small]
    found = {"reals": (files[:30], ""), "fakes": (files[30:50], "gan")}
    for name, (some, generator) in found.items():
        stored(tmp_path / name, some, orl_faces.people[: len(some)], ["val"] * len(some), "held_out", generator)
    return {name: tmp_path / name for name in found}


def scored(
    detectors: list[TrainedDetector], folders: dict[str, Path], output: Path, most: int = 100, seed: int = 4
) -> pd.DataFrame:
    score_changes(detectors, folders, LEVELS, most, seed, output)
    return pq.read_table(output).to_pandas()


def test_a_row_for_each_detector_set_change_level_and_face(
    tmp_path: Path, detectors: list[TrainedDetector], folders: dict[str, Path]
) -> None:
    frame = scored(detectors, folders, tmp_path / "out.parquet")
    assert pq.read_schema(tmp_path / "out.parquet").equals(SCHEMA)
    assert len(frame) == len(NAMES) * len(CELLS) * (30 + 20)
    counts = frame.groupby(["detector", "set", "change", "level"]).size()
    assert set(counts.index) == {(d, s, *cell) for d in NAMES for s in folders for cell in CELLS}
    assert set(counts["one", "reals"]) == {30}
    assert set(counts["one", "fakes"]) == {20}
    assert list(dict.fromkeys(zip(frame["change"], frame["level"], strict=True))) == CELLS
    fakes = frame[frame["set"] == "fakes"]
    assert set(fakes["label"]) == {1}
    assert set(fakes["generator"]) == {"gan"}
    assert set(fakes["source"]) == {"fakes"}


def test_clean_logits_are_what_the_detector_says_and_changed_ones_what_it_says_of_the_changed(
    tmp_path: Path, detectors: list[TrainedDetector], folders: dict[str, Path]
) -> None:
    frame = scored(detectors, folders, tmp_path / "out.parquet")
    faces = load_faces([open_set(folders["reals"])], ["val"], ["id", "identity"])
    for detector in detectors:
        for change, level in CELLS:
            pixels = np.stack([CHANGES[change](picture, level) for picture in faces.pixels])
            chosen = (frame["detector"] == detector.name) & (frame["set"] == "reals")
            rows = frame[chosen & (frame["change"] == change) & (frame["level"] == level)]
            logits = logits_of(detector.model, pixels, torch.device("cpu"))
            assert rows["id"].tolist() == faces.columns["id"]
            assert rows["identity"].tolist() == faces.columns["identity"]
            assert rows["logit"].tolist() == logits.tolist()
            assert rows["score"].tolist() == detector.calibration.score(logits).tolist()
    by_cell = {cell: part["logit"].to_numpy() for cell, part in frame.groupby(["change", "level"])}
    assert np.array_equal(by_cell["blur", 0.0], by_cell["clean", 0.0])
    assert np.abs(by_cell["blur", 1.0] - by_cell["clean", 0.0]).min() > 1e-3


def test_a_picture_is_decoded_once_and_changed_once_whoever_looks(
    tmp_path: Path, detectors: list[TrainedDetector], folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[bytes] = []
    blurred: list[float] = []
    decode, blur = pictures.decode_crop, CHANGES["blur"]

    def counted_decode(jpeg: bytes) -> Pixels:
        decoded.append(jpeg)
        return decode(jpeg)

    def counted_blur(pixels: Pixels, level: float) -> Pixels:
        blurred.append(level)
        return blur(pixels, level)

    monkeypatch.setattr(pictures, "decode_crop", counted_decode)
    monkeypatch.setitem(CHANGES, "blur", counted_blur)
    scored(detectors, folders, tmp_path / "out.parquet")
    assert len(decoded) == len(set(decoded)) == 50
    assert sorted(blurred) == [0.0] * 50 + [1.0] * 50


def test_pictures_that_are_not_chosen_are_not_decoded(
    tmp_path: Path, detectors: list[TrainedDetector], folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    decode = pictures.decode_crop
    monkeypatch.setattr(pictures, "decode_crop", lambda jpeg: (decoded.append(jpeg), decode(jpeg))[1])
    frame = scored(detectors, folders, tmp_path / "out.parquet", most=7)
    assert len(decoded) == 14
    assert frame.groupby("set")["id"].nunique().to_dict() == {"reals": 7, "fakes": 7}


def test_which_faces_the_seed_and_their_ids_decide(
    tmp_path: Path, detectors: list[TrainedDetector], folders: dict[str, Path]
) -> None:
    def ids(most: int, seed: int) -> set[str]:
        return robustness.chosen(open_set(folders["reals"]), most, seed)

    assert ids(10, 4) == ids(10, 4) != ids(10, 5)
    assert ids(10, 4) < ids(20, 4)  # more of them moves nobody
    assert len(ids(100, 4)) == 30


def test_of_a_set_that_trains_only_test_people_are_taken(tmp_path: Path, orl_faces: OrlFaces) -> None:
    files = [encoded(face) for face in orl_faces.small[:12]]
    splits: Any = ["train", "val", "test"] * 4
    face_set = stored(tmp_path / "orl", files, orl_faces.people[:12], splits, "train")
    assert robustness.chosen(face_set, 100, 4) == {f"orl/{number:04d}.jpg" for number in (2, 5, 8, 11)}


def test_few_batches_are_in_memory(
    tmp_path: Path, detectors: list[TrainedDetector], folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many faces and levels there are: those in use, those waiting, and those in the making."""
    monkeypatch.setattr(robustness, "SCORING_BATCH", 2)
    decoded, made, used, pending_faces, pending_changes = 0, 0, 0, [], []
    decode_all, changed, logits = robustness.decode_all, robustness.apply_change, robustness.logits_of

    def decode(jpegs: list[bytes], threads: Any) -> Pixels:
        nonlocal decoded
        decoded += len(jpegs)
        return decode_all(jpegs, threads)

    def change(*args: Any) -> Pixels:
        nonlocal made
        made += 1
        return changed(*args)

    def look(model: Any, pixels: Pixels, device: Any) -> Any:
        nonlocal used
        assert len(pixels) <= 2
        used += 1
        done = used // (len(NAMES) * len(CELLS)) * 2
        pending_faces.append(decoded - done)
        pending_changes.append(made - used // len(NAMES))
        return logits(model, pixels, device)

    monkeypatch.setattr(robustness, "decode_all", decode)
    monkeypatch.setattr(robustness, "apply_change", change)
    monkeypatch.setattr(robustness, "logits_of", look)
    scored(detectors, {"reals": folders["reals"]}, tmp_path / "out.parquet")
    assert decoded == 30
    assert max(pending_faces) <= 3 * 2
    assert made == 15 * len(CELLS)
    assert max(pending_changes) <= 3


def test_same_bytes_twice_with_one_thread_or_four(
    tmp_path: Path, detectors: list[TrainedDetector], folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for workers in ("1", "4"):
        monkeypatch.setenv("UNSEEN_WORKERS", workers)
        scored(detectors, folders, tmp_path / workers)
    assert sha256_of(tmp_path / "1") == sha256_of(tmp_path / "4")


def test_a_run_that_breaks_off_leaves_no_file(
    tmp_path: Path, detectors: list[TrainedDetector], folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robustness, "logits_of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        scored(detectors, folders, tmp_path / "out" / "one.parquet")
    assert not list((tmp_path / "out").iterdir())


def by_hand(path: Path) -> Path:
    """One detector; 4 reals and 2 fakes, clean and changed twice; the temperature is 2."""
    logits = {
        ("reals", "clean", 0.0): [-4.0, -2.0, -1.0, 1.0],
        ("reals", "jpeg", 50.0): [-3.0, 0.5, 1.0, 1.5],
        ("reals", "jpeg", 90.0): [-4.0, -2.0, -1.0, 1.0],
        ("fakes", "clean", 0.0): [2.0, 4.0],
        ("fakes", "jpeg", 50.0): [0.5, 1.5],
        ("fakes", "jpeg", 90.0): [-2.0, 4.0],
    }
    rows = [
        {
            **{"detector": "d", "set": name, "change": change, "level": level, "id": f"{name}/{number}"},
            **{"label": int(name == "fakes"), "generator": "", "source": name, "identity": str(number)},
            **{"logit": logit, "score": 1 / (1 + np.exp(-logit / 2))},
        }
        for (name, change, level), values in logits.items()
        for number, logit in enumerate(values)
    ]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path)
    return path


HOW = Resampling(100, 4)
PAIR = {"pair": Pair(reals="reals", fakes="fakes", matched=True)}
AT_ONE = float(1 / (1 + np.exp(-0.5)))
"""The score of a logit of 1 at temperature 2."""


def share(hits: int, n: int) -> dict[str, Any]:
    """The rate of one network, each face of a person of its own."""
    return {key: value for key, value in made_up.share(hits, n).items() if key != "seeds"}


def test_measure_by_hand(tmp_path: Path) -> None:
    clean, low, high = measure_robustness(by_hand(tmp_path / "p.parquet"), {"d": AT_ONE}, PAIR, HOW)
    assert [(row["change"], row["level"]) for row in (clean, low, high)] == [
        ("clean", 0.0),
        ("jpeg", 50.0),
        ("jpeg", 90.0),
    ]
    assert clean["fpr"] == share(1, 4)  # a score on the threshold is called fake
    assert clean["tpr"] == share(2, 2)
    assert clean["balanced_accuracy"] == pytest.approx((1 + 0.75) / 2)
    assert (clean["shift_reals"], clean["shift_fakes"]) == (0.0, 0.0)
    assert low["fpr"] == share(2, 4)
    assert low["tpr"] == share(1, 2)
    assert low["balanced_accuracy"] == 0.5
    assert clean["auc"] == 1.0  # without a threshold
    assert low["auc"] == (1.5 + 3.5) / 8  # ties count as half
    assert low["shift_reals"] == pytest.approx((1 + 2.5 + 2 + 0.5) / 4)  # of logits, and not of scores
    assert low["shift_fakes"] == pytest.approx((-1.5 - 2.5) / 2)
    assert (high["shift_reals"], high["shift_fakes"]) == (0.0, -2.0)


def test_the_threshold_is_the_clean_one_under_every_change(tmp_path: Path) -> None:
    """A threshold of jpeg's own would have told the two fakes at quality 50 from half of the reals; and another
    threshold moves every row alike, and no shift."""
    path = by_hand(tmp_path / "p.parquet")
    strict, loose = (measure_robustness(path, {"d": threshold}, PAIR, HOW) for threshold in (AT_ONE, 0.5))
    assert [row["fpr"]["share"] for row in strict] == [0.25, 0.5, 0.25]
    assert [row["fpr"]["share"] for row in loose] == [0.25, 0.75, 0.25]
    assert [row["shift_reals"] for row in strict] == [row["shift_reals"] for row in loose]


def test_one_table_and_one_tree(tmp_path: Path) -> None:
    rows = measure_robustness(by_hand(tmp_path / "p.parquet"), {"d": 0.5}, PAIR, HOW)
    table = as_table(rows)
    assert list(table.columns) == [
        *("detector", "pair", "change", "level", "auc", "balanced_accuracy", "tpr", "fpr"),
        *("shift_reals", "shift_fakes", "reals", "fakes"),
    ]
    assert (table["reals"].unique().tolist(), table["fakes"].unique().tolist()) == ([4], [2])
    tree = as_tree(rows)
    assert list(tree["d"]["pair"]) == ["clean", "jpeg"]
    assert list(tree["d"]["pair"]["jpeg"]) == ["50", "90"]
    assert tree["d"]["pair"]["jpeg"]["50"]["tpr"] == share(2, 2)
    assert tree["d"]["pair"]["jpeg"]["50"]["balanced_accuracy"] == table["balanced_accuracy"][1]


def test_measured_from_scores_as_they_are_written(
    tmp_path: Path, detectors: list[TrainedDetector], folders: dict[str, Path]
) -> None:
    frame = scored(detectors, folders, tmp_path / "out.parquet")
    rows = measure_robustness(tmp_path / "out.parquet", {"one": 0.5, "two": 0.6, "three": 0.7}, PAIR, HOW)
    assert len(rows) == len(NAMES) * len(CELLS)
    for row, threshold in ((rows[1], 0.5), (rows[-1], 0.7)):
        keys = ["detector", "change", "level"]
        part = frame[(frame[keys] == [row[key] for key in keys]).all(axis=1)]
        fakes = part[part["set"] == "fakes"]
        assert (row["tpr"]["share"], row["tpr"]["n"]) == ((fakes["score"] >= threshold).mean(), 20)


def settings(**changes: Any) -> RobustnessSettings:
    found: RobustnessSettings = validated(
        RobustnessSettings, {"pairs": [], "faces": 10, "changes": changes}, "robustness"
    )
    return found


def test_the_grid_is_in_one_order_however_it_is_written() -> None:
    grid = settings(noise=[5.0, 2.0], jpeg=[90, 30]).changes.grid()
    assert grid == [("jpeg", 30.0), ("jpeg", 90.0), ("noise", 2.0), ("noise", 5.0)]
    assert settings().changes.grid() == []


def test_every_change_is_a_key_and_every_key_a_change() -> None:
    assert ["clean", *ChangeLevels.model_fields] == list(CHANGES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"jpeg": [0]}, "`robustness.changes.jpeg.0` is 0: input should be greater than or equal to 1"),
        ({"jpeg": [50.5]}, "`robustness.changes.jpeg.0` is 50.5: input should be a valid integer"),
        ({"webp": [101]}, "`robustness.changes.webp.0` is 101"),
        ({"blur": [-1.0]}, "`robustness.changes.blur.0` is -1.0"),
        ({"resize": [1.5]}, "`robustness.changes.resize.0` is 1.5: input should be less than or equal to 1"),
        ({"crop": [0.0]}, "`robustness.changes.crop.0` is 0.0"),
        ({"screenshot": [2.0]}, "`robustness.changes.screenshot.0` is 2.0: a zoom must not be an integer"),
        ({"noise": [2.0, 2.0]}, "`robustness.changes.noise` is [2.0, 2.0]: a level is listed twice"),
        ({"jpg": [50]}, "`robustness.changes.jpg` is not a known key; allowed: blur"),
    ],
)
def test_a_level_that_cannot_be_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        settings(**changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
