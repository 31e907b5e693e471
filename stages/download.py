"""Download an archive: `download.py ARCHIVE`."""

from pathlib import Path

import _stage

from unseen.core.kinds import read_kind
from unseen.sources.shared.download import download_archive
from unseen.sources.shared.settings import ArchiveSettings


def main(name: str) -> None:
    settings: ArchiveSettings = read_kind(_stage.PARAMS, ["archives", name], "sources/kinds")
    download_archive(settings, Path("data/raw", name), Path("checksums", f"{name}.sha256"), _stage.SCRATCH)


if __name__ == "__main__":
    _stage.run(main)
