"""Turn a detector's predictions into metrics: `evaluate.py DETECTOR`."""

from pathlib import Path

import _stage

from unseen.evaluation.evaluate import evaluate, summary
from unseen.evaluation.settings import EvaluationSet, EvaluationSettings
from unseen.files import read_json, whole_file, write_json, write_metrics
from unseen.settings import Name, read_block


def main(detector: str) -> None:
    calibration = read_json(Path("models/detectors", detector, "detector.json"))["calibration"]
    found = evaluate(
        Path("data/predictions", detector),
        list(read_block(_stage.PARAMS, ["evaluation_sets"], dict[Name, EvaluationSet])),
        calibration["threshold"],
        calibration["unsure"],
        read_block(_stage.PARAMS, ["evaluation"], EvaluationSettings),
        read_block(_stage.PARAMS, ["seed"], int),
        calibration["at_fpr"],
    )
    write_metrics(Path("metrics/detectors", f"{detector}.json"), found.metrics)
    for name, frame in (("roc", found.roc), ("reliability", found.reliability)):
        with whole_file(Path("metrics", name, f"{detector}.csv")) as part:
            frame.assign(detector=detector).to_csv(part, index=False, float_format="%.6f", lineterminator="\n")
    write_json(Path("models/detectors", detector, "evaluation.json"), summary(found.metrics))


if __name__ == "__main__":
    _stage.run(main)
