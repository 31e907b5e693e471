"""Limits: frozen on validation faces alone, looser of both classes, stored and read again."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from faces_for_training import OrlFaces, encoded, orl_faces, stored
from unseen.core.errors import UserError
from unseen.faces.settings import FaceSettings
from unseen.gate.freeze import freeze, frozen, statistics_of
from unseen.gate.limits import FILE, Limits, Statistics, read_limits
from unseen.gate.statistics import Quality
from unseen.robustness.changes import CHANGES

__all__ = ["orl_faces"]  # a fixture

LIMITS = Limits(0.55, 0.3, 40.0, 0.3, {"reals": 1, "fakes": 1}, {"reals": 0.0, "fakes": 0.0})


def faces(n: int, sharpness: float = 0.6, seed: int = 0) -> list[Statistics]:
    """Statistics around some values."""
    draw = random.Random(seed)
    return [
        Statistics(
            Quality(sharpness + draw.uniform(-0.05, 0.05), draw.uniform(-0.2, 0.3)),
            draw.uniform(60, 200),
            draw.uniform(0, 0.4),
        )
        for _ in range(n)
    ]


def test_each_limit_leaves_out_at_most_its_share_of_each_class() -> None:
    reals, fakes = faces(1000), faces(600, sharpness=0.5, seed=1)
    limits = frozen(reals, fakes)
    for side in (reals, fakes):
        for outside in (
            [one.quality.sharpness < limits.sharpness for one in side],
            [one.quality.blockiness > limits.blockiness for one in side],
            [one.side is not None and one.side < limits.side for one in side],
            [one.turn is not None and one.turn > limits.turn for one in side],
        ):
            assert sum(outside) <= 0.005 * len(side)
    # smooth fakes are inside, and a limit is no looser than it has to be
    assert sorted(one.quality.sharpness for one in fakes)[3] == limits.sharpness
    assert limits.faces == {"reals": 1000, "fakes": 600}
    assert limits.outside["fakes"] == pytest.approx(np.mean([bool(limits.reasons(one)) for one in fakes]), abs=1e-6)


def test_few_faces_are_all_inside() -> None:
    reals, fakes = faces(20), faces(20, seed=1)
    limits = frozen(reals, fakes)
    assert limits.outside == {"reals": 0.0, "fakes": 0.0}
    assert not any(limits.reasons(one) for one in (*reals, *fakes))  # a face on a limit is inside


@pytest.mark.parametrize(
    ("quality", "side", "turn", "expected"),
    [
        ((0.6, 0.0), 50.0, 0.1, []),
        ((0.5, 0.0), 50.0, 0.1, ["degraded"]),
        ((0.6, 0.4), 50.0, 0.1, ["degraded"]),
        ((0.6, 0.0), 39.9, 0.1, ["small_face"]),
        ((0.6, 0.0), 50.0, 0.31, ["profile"]),
        ((0.5, 0.4), 30.0, 0.9, ["small_face", "degraded", "profile"]),
        ((0.55, 0.3), 40.0, 0.3, []),
        ((0.6, 0.0), None, None, []),
    ],
)
def test_reasons(quality: tuple[float, float], side: float | None, turn: float | None, expected: list[str]) -> None:
    assert LIMITS.reasons(Statistics(Quality(*quality), side, turn)) == expected


def test_only_validation_faces_set_limits(tmp_path: Path, orl_faces: OrlFaces) -> None:
    """Faces of other splits may be as bad as they like."""
    clean = [encoded(face, quality=95) for face in orl_faces.large[:20]]
    bad = [encoded(CHANGES["resize"](face, 0.25), quality=95) for face in orl_faces.large[20:40]]
    people = [f"p{i}" for i in range(20)]
    several = [f"q{i}" for i in range(20)]
    good = stored(tmp_path / "good", clean, people, ["val"] * 20)
    fakes = stored(tmp_path / "fakes", clean, people, ["val"] * 20, generator="g")
    mixed = stored(
        tmp_path / "mixed", [*clean, *bad, *bad], [*people, *several, *several], ["val"] * 20 + ["train", "test"] * 20
    )
    settings = FaceSettings()
    landmarks = [float(value) for point in ((30, 40), (70, 40), (50, 60), (35, 80), (65, 80)) for value in point]
    assert statistics_of(clean[0], landmarks, 1.1).side == 88.0
    expected = min(statistics_of(one, None, 1.1).quality.sharpness for one in clean)
    with pytest.raises(UserError, match="no validation face has landmarks"):
        freeze([good, fakes], settings)  # the helper stores no landmarks
    for face_set in (good, fakes, mixed):
        _with_landmarks(face_set.folder, landmarks)
    for sets in ([good, fakes], [mixed, fakes]):
        found = freeze(sets, settings)
        assert found.sharpness == expected
        assert (found.side, found.turn) == (88.0, 0.0)
    with pytest.raises(UserError, match="0 fake"):
        freeze([good], settings)


def _with_landmarks(folder: Path, landmarks: list[float]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for shard in folder.glob("part-*.parquet"):
        table = pq.read_table(shard)
        at = table.schema.get_field_index("landmarks")
        column = pa.array([landmarks] * len(table), table.schema.field(at).type)
        pq.write_table(table.set_column(at, table.schema.field(at), column), shard)


def test_stored_and_read_again(tmp_path: Path) -> None:
    assert read_limits(tmp_path) is None
    (tmp_path / FILE).write_text(json.dumps(LIMITS.as_dict()))
    assert read_limits(tmp_path) == LIMITS
    for damaged in ("{}", "[]", "{", json.dumps({**LIMITS.as_dict(), "side": True}), '{"sharpness": NaN}'):
        (tmp_path / FILE).write_text(damaged)
        with pytest.raises(UserError, match=FILE):
            read_limits(tmp_path)
