"""Fetch a model of a hub: `hub.py NAME`."""

from pathlib import Path

import _stage

from unseen.core.settings import read_block
from unseen.sources.hub.fetch import fetch_model
from unseen.sources.hub.settings import HubSettings


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["hub", name], HubSettings)
    fetch_model(settings, name, Path("models/hub", name), Path("checksums/hub", f"{name}.sha256"), _stage.SCRATCH)


if __name__ == "__main__":
    _stage.run(main)
