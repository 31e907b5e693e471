"""Predictions of a detector that was trained without the fakes of one generator. Its weights are not kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from unseen.core.files import atomic_folder
from unseen.core.json_files import write_json
from unseen.detectors.scoring.score import score_trainings
from unseen.detectors.shared.artifact import TrainedDetector
from unseen.detectors.shared.train import Fitted
from unseen.faces.settings import FaceSettings

CARD = "trainings.json"
"""What each training froze, and what it was trained on."""


def write_left_out(
    fitted: Mapping[int, Fitted],
    name: str,
    faces: FaceSettings,
    names: Sequence[str],
    evaluation: Path,
    folder: Path,
) -> None:
    """Score evaluation sets with the networks of a training without one generator.

    Args:
        fitted: the fitted networks by training seed.
        name: names the training in messages.
        faces: preprocessing of the training crops.
        names: the names of the evaluation sets.
        evaluation: has the folder of each evaluation set.
        folder: the folder to write, with NAME.parquet for each set, and CARD with `trainings`, the calibration of
            each training seed, and `trained_on`, the counts of faces and the generators.

    Raises:
        UserError: see `score_set`.
    """
    networks = {
        seed: TrainedDetector(name, one.model.eval(), one.calibration, faces, {}, folder)
        for seed, one in fitted.items()
    }
    with atomic_folder(folder) as part:
        score_trainings(networks, names, evaluation, part)
        trainings = {str(seed): one.calibration.as_dict() for seed, one in fitted.items()}
        write_json(part / CARD, {"trainings": trainings, "trained_on": next(iter(fitted.values())).trained_on})
