"""What a gate does to faces that were scored clean and changed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faces_for_training import OrlFaces, encoded, orl_faces, stored
from unseen.core.json_files import read_json
from unseen.data.shards import FaceSet
from unseen.gate.limits import Limits
from unseen.gate.measure import measure_gate
from unseen.robustness.robustness import SCHEMA

__all__ = ["orl_faces"]  # a fixture

CELLS = [("clean", 0.0), ("resize", 0.25), ("brightness", 1.3)]
N = 6


@pytest.fixture
def sets(tmp_path: Path, orl_faces: OrlFaces) -> dict[str, FaceSet]:
    """Reals and fakes that are held out, some more of each than were scored."""
    files = [encoded(face, quality=95) for face in orl_faces.large[:20]]
    people = [f"p{i}" for i in range(10)]
    return {
        name: stored(tmp_path / name, files[start : start + 10], people, ["val"] * 10, "held_out", generator)
        for name, start, generator in (("reals", 0, ""), ("fakes", 10, "gan"))
    }


def scored(path: Path, scores: dict[str, list[float]]) -> Path:
    """A file as the stage `robustness` writes it; every cell has the same scores."""
    rows = [
        {"detector": "d", "set": name, "change": change, "level": level, "id": f"{name}/{number:04d}.jpg"}
        | {"label": int(name == "fakes"), "logit": 0.0, "score": score}
        for change, level in CELLS
        for name, values in scores.items()
        for number, score in enumerate(values)
    ]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path)
    return path


def limits(**values: float) -> Limits:
    wide = {"sharpness": 0.57, "blockiness": 9.0, "side": 0.0, "turn": 9.0}
    return Limits(**{**wide, **values}, faces={}, outside={})


def test_rates_with_and_without_the_gate(tmp_path: Path, sets: dict[str, FaceSet]) -> None:
    scores = {"reals": [0.9, 0.1, 0.1, 0.1, 0.1, 0.1], "fakes": [0.9, 0.9, 0.9, 0.5, 0.1, 0.1]}
    found = measure_gate(scored(tmp_path / "p.parquet", scores), sets, limits(), 1.1, threshold=0.5)
    assert list(zip(found["set"], found["class"], strict=True))[::3] == [("reals", "real"), ("fakes", "fake")]
    cells = found.set_index(["set", "change"])
    assert set(found["faces"]) == {N}
    for name, rate in (("reals", 1 / 6), ("fakes", 4 / 6)):
        clean, small, bright = (cells.loc[(name, change)] for change, _ in CELLS)
        assert clean["rate"] == small["rate"] == pytest.approx(rate)  # the threshold itself is a detection
        assert (clean["abstained"], clean["rate_with_gate"]) == (0.0, pytest.approx(rate))
        assert (small["abstained"], small["degraded"], small["rate_with_gate"]) == (1.0, 1.0, 0.0)
        assert bright["abstained"] == 0.0
        assert small["small_face"] == small["profile"] == 0.0


def test_without_faces_there_is_still_a_header(tmp_path: Path, sets: dict[str, FaceSet]) -> None:
    found = measure_gate(scored(tmp_path / "p.parquet", {}), sets, limits(), 1.1, 0.5)
    assert len(found) == 0
    assert list(found.columns)[:2] == ["set", "class"]


def test_only_faces_outside_are_left_out(tmp_path: Path, sets: dict[str, FaceSet]) -> None:
    """A limit in the middle of the clean faces leaves out half of them, and only their detections."""
    from unseen.data.pictures import decode_crop
    from unseen.gate.statistics import quality_of

    (batch,) = sets["fakes"].batches(["val"], ["image"])
    sharpness = [quality_of(decode_crop(image["bytes"])).sharpness for image in batch["image"].to_pylist()][:N]
    middle = float(np.median(sharpness))
    scores = {"reals": [0.1] * N, "fakes": [0.9] * N}
    found = measure_gate(scored(tmp_path / "p.parquet", scores), sets, limits(sharpness=middle), 1.1, 0.5)
    clean = found[(found["set"] == "fakes") & (found["change"] == "clean")].iloc[0]
    assert (clean["rate"], clean["abstained"], clean["rate_with_gate"]) == (1.0, 0.5, 0.5)


def test_the_table_of_the_report(tmp_path: Path) -> None:
    from unseen.report.results import _tables
    from unseen.report.robustness import gate_table

    row = {"detector": "d", "set": "007", "class": "real", "change": "clean", "level": 0.0, "faces": 60}
    row |= {"abstained": 0.5, "small_face": 0.0, "degraded": 0.5, "profile": 0.0, "rate": 0.2, "rate_with_gate": 0.1}
    pd.DataFrame([row]).to_csv(tmp_path / "d.csv", index=False)
    table = gate_table(_tables(tmp_path, ["d"]), "d")
    assert [head.text for head in table.heads] == ["Change", "007: unsure", "FPR"]
    ((title, unsure, rate),) = table.rows
    assert (title.text, unsure.text, unsure.note, rate.text) == ("clean", "50.0%", "degraded 50.0%", "10.0% (20.0%)")


def test_held_out_sets_can_be_measured_and_cannot_set_limits(sets: dict[str, FaceSet]) -> None:
    from unseen.core.errors import UserError
    from unseen.data.shards import sets_for_fitting

    assert read_json(sets["reals"].folder / "set.json")["use"] == "held_out"
    with pytest.raises(UserError, match="held out"):
        sets_for_fitting(sets["reals"].folder.parent)
