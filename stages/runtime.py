"""Measure how fast a detector is, and what it takes: `runtime.py DETECTOR`."""

from pathlib import Path

import _stage

from unseen.evaluation.runtime import measure
from unseen.evaluation.runtime_settings import RuntimeSettings
from unseen.files import write_metrics
from unseen.predict import open_detector
from unseen.settings import read_block
from unseen.shards import open_set


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["runtime"], RuntimeSettings)
    people = open_set(Path("data/evaluation", settings.set))
    detector, finder = open_detector(Path("models/detectors", name))
    write_metrics(Path("metrics/runtime", f"{name}.json"), measure(detector, finder, people, settings))


if __name__ == "__main__":
    _stage.run(main)
