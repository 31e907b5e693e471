"""Fetch a source's archive: `download.py source NAME`; or a model file: `download.py asset NAME`."""

from pathlib import Path

import _stage

from unseen.settings import read_block
from unseen.sources.download import download_asset, download_source
from unseen.sources.settings import AssetSettings, PypiFetch


def main(kind: str, name: str) -> None:
    if kind == "source":
        download_source(read_block(_stage.PARAMS, ["sources", name, "fetch"], PypiFetch), Path("data/raw", name))
    else:
        download_asset(read_block(_stage.PARAMS, ["assets", name], AssetSettings), Path("models/assets", name))


if __name__ == "__main__":
    _stage.run(main)
