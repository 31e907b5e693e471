"""Join two trained detectors and freeze their common threshold: `ensemble.py ENSEMBLE`."""

from pathlib import Path

import _stage

from unseen.core.files import write_metrics
from unseen.core.settings import read_block
from unseen.data.shards import check_sides, sets_for_fitting
from unseen.detectors.shared.artifact import load_detector, save_detector
from unseen.detectors.shared.settings import CalibrationSettings, EnsembleSettings
from unseen.detectors.shared.together import join


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["ensembles", name], EnsembleSettings)
    calibration = read_block(_stage.PARAMS, ["calibration"], CalibrationSettings)
    sets = sets_for_fitting(Path("data/sets", settings.train_on.reals))
    sets += sets_for_fitting(Path("data/sets", settings.train_on.fakes))
    members = [load_detector(Path("models/detectors", member)) for member in (settings.first, settings.second)]
    check_sides(sets, members[0].faces.side, f"the detector `{settings.first}`")
    made = join(name, members, settings, calibration, sets)
    write_metrics(Path("metrics/training", f"{name}.json"), made.calibration.validation)
    save_detector(
        Path("models/detectors", name), made.model, "ensemble", made.calibration, members[0].face_detector, made.card
    )


if __name__ == "__main__":
    _stage.run(main)
