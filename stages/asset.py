"""Extract a model file from its archive: `asset.py ASSET`."""

from pathlib import Path

import _stage

from unseen.core.settings import read_block
from unseen.sources.shared.download import take_asset
from unseen.sources.shared.settings import AssetSettings


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["assets", name], AssetSettings)
    take_asset(settings, Path("data/raw", settings.archive), Path("models/assets", name))


if __name__ == "__main__":
    _stage.run(main)
