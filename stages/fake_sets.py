"""Copy the sets of fakes in params to data/sets/fakes, and with those of sources to data/sets/all_fakes:
`fake_sets.py`."""

from pathlib import Path

import _stage

from unseen.autoencoders.settings import TwinSettings
from unseen.core.settings import Name, read_block
from unseen.data.named import check_named_sides, copy_items, print_ignored, sets_in, take_named
from unseen.diffusion.fakes.settings import DiffuseSettings
from unseen.faces.settings import FaceSettings
from unseen.gans.shared.settings import FakeSettings
from unseen.sources.shared.settings import SourceSettings


def main() -> None:
    folder = Path("data/fakes")
    fakes = read_block(_stage.PARAMS, ["fakes"], dict[Name, FakeSettings])
    twins = read_block(_stage.PARAMS, ["twins"], dict[Name, TwinSettings])
    diffuse = read_block(_stage.PARAMS, ["diffuse"], dict[Name, DiffuseSettings])
    named = [f"{made.group}/{name}" for name, made in [*fakes.items(), *twins.items(), *diffuse.items()]]
    ignored = take_named(folder, Path("data/sets/fakes"), named, sets_in(folder))
    check_named_sides(folder, named, read_block(_stage.PARAMS, ["faces"], FaceSettings))
    sources = read_block(_stage.PARAMS, ["sources"], dict[Name, SourceSettings])
    outside = [f"{source.group}/{name}" for name, source in sources.items() if source.label == "fake"]
    every = {path: folder / path for path in named} | {path: Path("data/sets/faces", path) for path in outside}
    copy_items(every, Path("data/sets/all_fakes"))
    print_ignored(folder, ignored)


if __name__ == "__main__":
    _stage.run(main)
