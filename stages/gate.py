"""Freeze the limits within which a detector was measured, on its validation faces: `gate.py DETECTOR`."""

from pathlib import Path

import _stage

from unseen.core.json_files import read_json, write_json
from unseen.core.settings import validated
from unseen.data.shards import check_sides, sets_for_fitting
from unseen.faces.settings import FaceSettings
from unseen.gate.freeze import freeze
from unseen.gate.limits import FILE


def main(name: str) -> None:
    folder = Path("models/detectors", name)
    card = read_json(folder / "detector.json")
    faces = validated(FaceSettings, card["faces"], f"{folder}/detector.json: faces")
    groups = card["settings"]["train_on"]
    sets = [one for side in ("reals", "fakes") for one in sets_for_fitting(Path("data/sets", groups[side]))]
    check_sides(sets, faces, f"the detector `{name}`")
    write_json(folder / FILE, freeze(sets, faces).as_dict())


if __name__ == "__main__":
    _stage.run(main)
