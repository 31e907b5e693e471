"""The cue that a detector must exceed."""

from typing import Any

from unseen.evaluation.cues import best_cue


def cue(name: str | None, auc: float, low: float, kind: str = "picture") -> dict[str, Any]:
    return {"kind": kind, "cue": name, "auc": auc, "low": low, "high": 1.0}


def test_the_best_cue_is_visible_single_and_above_chance() -> None:
    sharpness, tables = cue("sharpness", 0.8, 0.7), cue("tables", 0.6, 0.55, "file")
    others = [cue("noise", 0.9, 0.4), cue("bytes", 0.99, 0.9, "original"), cue(None, 0.95, 0.9)]
    assert best_cue([tables, *others, sharpness]) == sharpness
    assert best_cue([tables, *others]) == tables
    assert best_cue(others) is None
