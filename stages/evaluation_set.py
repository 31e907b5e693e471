"""Select the faces of an evaluation set: `evaluation_set.py SET`."""

from pathlib import Path

import _stage

from unseen.evaluation.settings import EvaluationSet
from unseen.settings import read_block
from unseen.shards import select_for_measuring


def main(name: str) -> None:
    evaluation = read_block(_stage.PARAMS, ["evaluation_sets", name], EvaluationSet)
    select_for_measuring(Path("data", evaluation.data), evaluation.split, Path("data/evaluation", name))


if __name__ == "__main__":
    _stage.run(main)
