"""Score the evaluation sets with the networks of a detector: `score.py DETECTOR`."""

from pathlib import Path

import _stage

from unseen.core.settings import Name, read_block
from unseen.data.evaluation_sets import EvaluationSet
from unseen.detectors.scoring.score import score_sets


def main(detector: str) -> None:
    score_sets(
        detector=Path("models/detectors", detector),
        names=list(read_block(_stage.PARAMS, ["evaluation_sets"], dict[Name, EvaluationSet])),
        evaluation=Path("data/sets/evaluation"),
        folder=Path("data/predictions", detector),
        scratch=_stage.SCRATCH / "scores" / detector,
    )


if __name__ == "__main__":
    _stage.run(main)
