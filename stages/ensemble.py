"""Combine the predictions of detectors by a rule, and evaluate the result: `ensemble.py ENSEMBLE`."""

from pathlib import Path

import _stage

from unseen.core.files import atomic_folder
from unseen.core.json_files import read_json, write_json
from unseen.core.settings import Name, read_block
from unseen.data.evaluation_sets import EvaluationSet
from unseen.data.predictions import read_predictions, write_predictions
from unseen.detectors.shared.settings import CalibrationSettings
from unseen.evaluation.ensembles import Member, make_ensemble
from unseen.evaluation.evaluate import evaluate, write_evaluation
from unseen.evaluation.scored import trainings_of
from unseen.evaluation.settings import EnsembleSettings, EvaluationSettings


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["ensembles", name], EnsembleSettings)
    members = {
        member: Member(
            weight=weight,
            card=read_json(Path("models/detectors", member, "detector.json")),
            validation=read_predictions(Path("data/validation", f"{member}.parquet")),
        )
        for member, weight in settings.members.items()
    }
    ensemble = make_ensemble(name, members, read_block(_stage.PARAMS, ["calibration"], CalibrationSettings))
    sets = list(read_block(_stage.PARAMS, ["evaluation_sets"], dict[Name, EvaluationSet]))
    with atomic_folder(Path("data/ensembles", name)) as folder:
        for one in sets:
            file = f"{one}.parquet"
            predicted = ensemble.predict(
                {member: read_predictions(Path("data/predictions", member, file)) for member in members}
            )
            write_predictions(folder / file, [{str(key): column.tolist() for key, column in predicted.items()}])
    card = ensemble.as_dict()
    found = evaluate(
        folder=Path("data/ensembles", name),
        names=sets,
        trained=trainings_of(card),
        settings=read_block(_stage.PARAMS, ["evaluation"], EvaluationSettings),
        seed=read_block(_stage.PARAMS, ["seed"], int),
        generators=card["trained_on"]["train"]["generators"],
    )
    write_evaluation(found, name, Path("metrics"))
    write_json(Path("models/ensembles", name, "ensemble.json"), card)


if __name__ == "__main__":
    _stage.run(main)
