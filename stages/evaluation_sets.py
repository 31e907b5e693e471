"""Select the faces of all evaluation sets."""

from pathlib import Path

import _stage

from unseen.core.files import atomic_folder
from unseen.core.json_files import write_json, write_metrics
from unseen.core.settings import Name, read_block
from unseen.data.evaluation_sets import EvaluationSet
from unseen.data.named import NAMED
from unseen.data.shards import all_sets
from unseen.evaluation.select import TrainingFaces, select


def main() -> None:
    sets = read_block(_stage.PARAMS, ["evaluation_sets"], dict[Name, EvaluationSet])
    data = Path("data/sets")
    trained = TrainingFaces(face_set for face_set in all_sets(data) if face_set.use == "train")
    with atomic_folder(data / "evaluation") as part:
        counts = {name: select(data / one.data, one.split, trained, part / name) for name, one in sets.items()}
        write_json(part / NAMED, {"named": sorted(sets)})
    write_metrics(Path("metrics/evaluation_sets.json"), counts)


if __name__ == "__main__":
    _stage.run(main)
