"""Score the evaluation sets with the networks of a detector: `score.py DETECTOR`."""

from pathlib import Path

import _stage

from unseen.data.named import sets_in
from unseen.detectors.scoring.score import score_sets


def main(detector: str) -> None:
    evaluation = Path("data/sets/evaluation")
    score_sets(
        detector=Path("models/detectors", detector),
        names=sets_in(evaluation),
        evaluation=evaluation,
        folder=Path("data/predictions", detector),
        scratch=_stage.SCRATCH / "scores" / detector,
    )


if __name__ == "__main__":
    _stage.run(main)
