"""Copy the evaluation sets in params to data/sets/evaluation: `measured_sets.py`."""

from pathlib import Path

import _stage

from unseen.core.settings import Name, read_block
from unseen.data.evaluation_sets import EvaluationSet
from unseen.data.named import print_ignored, sets_in, take_named


def main() -> None:
    folder = Path("data/evaluation")
    named = list(read_block(_stage.PARAMS, ["evaluation_sets"], dict[Name, EvaluationSet]))
    print_ignored(folder, take_named(folder, Path("data/sets/evaluation"), named, sets_in(folder)))


if __name__ == "__main__":
    _stage.run(main)
