"""Measure the speed and memory of a detector: `speed.py DETECTOR`."""

from pathlib import Path

import _stage

from unseen.core.json_files import write_metrics
from unseen.core.settings import read_block
from unseen.data.shards import open_set
from unseen.serve.torch_network import open_detector
from unseen.speed.settings import SpeedSettings
from unseen.speed.speed import measure_speed


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["speed"], SpeedSettings)
    people = open_set(Path("data/sets/evaluation", settings.set))
    detector, face_detector = open_detector(Path("models/detectors", name))
    write_metrics(Path("metrics/speed", f"{name}.json"), measure_speed(detector, face_detector, people, settings))


if __name__ == "__main__":
    _stage.run(main)
