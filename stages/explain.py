"""Explain a detector's decisions: `explain.py DETECTOR`."""

from pathlib import Path
from typing import TextIO, cast

import _stage

from unseen.core.csv_text import CsvLines
from unseen.core.files import atomic_file
from unseen.core.json_files import write_metrics
from unseen.core.settings import Name, read_block
from unseen.data.evaluation_sets import EvaluationSet
from unseen.data.shards import sets_for_fitting
from unseen.detectors.shared.artifact import load_detector
from unseen.explanations.explain import explain
from unseen.explanations.settings import ExplanationSettings


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["explanations"], ExplanationSettings)
    sets = read_block(_stage.PARAMS, ["evaluation_sets"], dict[Name, EvaluationSet])
    detector = load_detector(Path("models/detectors", name))
    groups = detector.card["settings"]["train_on"]
    explained = explain(
        detector=detector,
        predictions=Path("data/predictions", name),
        evaluation=Path("data/sets/evaluation"),
        folders={key: one.data for key, one in sets.items()},
        train=[one for side in ("reals", "fakes") for one in sets_for_fitting(Path("data/sets", groups[side]))],
        weights=Path("models", settings.weights),
        settings=settings,
        seed=read_block(_stage.PARAMS, ["seed"], int),
        scratch=_stage.SCRATCH,
    )
    target = Path("metrics/explanations", name)
    write_metrics(target / "heat.json", explained.heat)
    for file, picture in (("panels.png", explained.panels), ("neighbours.png", explained.neighbours)):
        with atomic_file(target / file) as part:
            picture.save(part, "PNG")
    with atomic_file(target / "neighbours.csv") as part, part.open("w", newline="", encoding="utf-8") as handle:
        explained.nearest.to_csv(
            cast(TextIO, CsvLines(handle)), index=False, float_format="%.6f", lineterminator="\r\n"
        )


if __name__ == "__main__":
    _stage.run(main)
