"""Score an evaluation set with a detector: `score.py DETECTOR SET`."""

from pathlib import Path

import _stage

from unseen.detectors.scoring.score import score_set
from unseen.detectors.shared.artifact import load_detector


def main(detector: str, name: str) -> None:
    score_set(
        load_detector(Path("models/detectors", detector)),
        name,
        Path("data/evaluation", name),
        Path("data/predictions", detector, f"{name}.parquet"),
    )


if __name__ == "__main__":
    _stage.run(main)
