"""Select the faces of an evaluation set: `evaluation_set.py SET`."""

from pathlib import Path

import _stage

from unseen.core.files import write_metrics
from unseen.core.settings import read_block
from unseen.data.evaluation_sets import EvaluationSet
from unseen.data.shards import all_sets
from unseen.evaluation.select import TrainingFaces, select


def main(name: str) -> None:
    evaluation = read_block(_stage.PARAMS, ["evaluation_sets", name], EvaluationSet)
    trained = TrainingFaces(face_set for face_set in all_sets(Path("data/sets")) if face_set.use == "train")
    counts = select(Path("data/sets", evaluation.data), evaluation.split, trained, Path("data/evaluation", name))
    write_metrics(Path("metrics/evaluation_sets", f"{name}.json"), counts)


if __name__ == "__main__":
    _stage.run(main)
