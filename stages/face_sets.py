"""Copy the face sets of the sources in params to data/sets/faces: `face_sets.py`."""

from pathlib import Path

import _stage

from unseen.core.settings import Name, read_block
from unseen.data.named import check_named_sides, print_ignored, sets_in, take_named
from unseen.faces.settings import FaceSettings
from unseen.sources.shared.settings import SourceSettings


def main() -> None:
    folder = Path("data/faces")
    sources = read_block(_stage.PARAMS, ["sources"], dict[Name, SourceSettings])
    named = [f"{source.group}/{name}" for name, source in sources.items()]
    ignored = take_named(folder, Path("data/sets/faces"), named, sets_in(folder))
    check_named_sides(folder, named, read_block(_stage.PARAMS, ["faces"], FaceSettings))
    print_ignored(folder, ignored)


if __name__ == "__main__":
    _stage.run(main)
