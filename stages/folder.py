"""Copy the pictures of a user's folder: `folder.py FOLDER`."""

from pathlib import Path

import _stage

from unseen.core.settings import read_block
from unseen.sources.kinds.folder import take_folder
from unseen.sources.shared.settings import FolderSettings


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["folders", name], FolderSettings)
    take_folder(name, settings, Path("data/raw", name), Path("checksums", f"{name}.sha256"))


if __name__ == "__main__":
    _stage.run(main)
