"""Copy a detector's predictions on the evaluation sets in params to data/sets: `predictions.py DETECTOR`."""

from pathlib import Path

import _stage

from unseen.core.settings import Name, read_block
from unseen.data.evaluation_sets import EvaluationSet
from unseen.data.named import files_in, print_ignored, take_named


def main(detector: str) -> None:
    folder = Path("data/predictions", detector)
    sets = read_block(_stage.PARAMS, ["evaluation_sets"], dict[Name, EvaluationSet])
    named = [f"{name}.parquet" for name in sets]
    print_ignored(folder, take_named(folder, Path("data/sets/predictions", detector), named, files_in(folder)))


if __name__ == "__main__":
    _stage.run(main)
