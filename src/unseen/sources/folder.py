"""Pictures of one's own: a folder, packed into one archive, or an archive file as it is."""

import os
import shutil
from pathlib import Path

from unseen.errors import UserError
from unseen.sources.packing import cannot_read, pack
from unseen.sources.settings import FolderArchive


def _stop(error: OSError) -> None:
    raise cannot_read(error)


def _files(folder: Path) -> list[Path]:
    """The files below a folder, sorted by name; what is hidden, links to folders and what isn't a file left out."""
    found = []
    for parent, folders, names in os.walk(folder, onerror=_stop):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in names if not name.startswith(".")]
    return sorted((path for path in found if path.is_file()), key=lambda path: path.relative_to(folder).as_posix())


def fetch(settings: FolderArchive, folder: Path, parts: Path) -> Path:
    """Pack a folder's files into one archive in `folder`, without compression; or copy an archive file.

    Args:
        settings: the path.
        folder: an existing folder that receives the archive.
        parts: not used: what lies on this machine is read again.

    Returns:
        The archive's path.

    Raises:
        UserError: there is nothing at that path, or it can't be read.
    """
    path = Path(os.path.expanduser(settings.path))
    if path.is_file():
        try:
            path.open("rb").close()
        except OSError as error:
            raise cannot_read(error) from None
        return Path(shutil.copyfile(path, folder / path.name))
    if not path.is_dir():
        raise UserError(f"{path}: neither a folder nor an archive file; correct `path` in params")
    files = _files(path)
    if not files:
        raise UserError(f"{path}: no file in it; correct `path` in params, or put pictures there")
    return pack(path, files, folder / "pictures.zip")
