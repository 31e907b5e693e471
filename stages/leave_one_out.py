"""Train a detector without the fakes of one generator, and score the evaluation sets of all pairs:
`leave_one_out.py DETECTOR GENERATOR`."""

from pathlib import Path

import _stage

from unseen.core.kinds import read_kind
from unseen.core.parallel import Parallel, start_processes
from unseen.core.settings import Name, read_block
from unseen.data.evaluation_sets import EvaluationSet, Pair, in_pairs
from unseen.detectors.scoring.leave_one_out import write_left_out
from unseen.detectors.shared.settings import CalibrationSettings, FittedSettings
from unseen.detectors.shared.train import fit_trainings, training_sets
from unseen.faces.settings import FaceSettings


def main(detector: str, generator: str) -> None:
    start_processes()
    settings: FittedSettings = read_kind(_stage.PARAMS, ["detectors", detector], "detectors/kinds")
    faces = read_block(_stage.PARAMS, ["faces"], FaceSettings)
    pairs = read_block(_stage.PARAMS, ["evaluation", "pairs"], dict[Name, Pair])
    trainings = fit_trainings(
        sets=training_sets(Path("data/sets"), settings, faces),
        settings=settings,
        calibration=read_block(_stage.PARAMS, ["calibration"], CalibrationSettings),
        weights=Path("models", settings.weights),
        seeds=_stage.training_seeds(),
        scratch=_stage.SCRATCH,
        title=f"detector-{detector}-without-{generator}",
        without=generator,
    )
    if Parallel().rank:
        return

    write_left_out(
        fitted=trainings.trained,
        name=f"{detector} without {generator}",
        faces=faces,
        names=in_pairs(pairs, read_block(_stage.PARAMS, ["evaluation_sets"], dict[Name, EvaluationSet])),
        evaluation=Path("data/sets/evaluation"),
        folder=Path("data/leave_one_out", detector, generator),
    )
    trainings.clear()


if __name__ == "__main__":
    _stage.run(main)
