"""Files packed into one archive, the same bytes for the same files."""

import os
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

from unseen.core.errors import UserError

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip file can hold, on every member: the same pictures give the same bytes."""


def pack(root: Path, files: Iterable[Path], packed: Path) -> Path:
    """Write files into one zip archive: the same files in the same order give the same bytes.

    Args:
        root: the folder that their names in the archive start from.
        files: what to pack, all below `root`.
        packed: the archive.

    Returns:
        The archive's path.

    Raises:
        UserError: a file can't be read, or its name is no text.
    """
    with zipfile.ZipFile(packed, "w") as archive:
        for file in files:
            # A photo doesn't get smaller; unlike compression, this has the same bytes with every zlib.
            info = zipfile.ZipInfo(file.relative_to(root).as_posix(), EARLIEST)
            try:
                source = file.open("rb")
                info.filename.encode()
            except UnicodeEncodeError:
                raise UserError(f"{os.fsencode(file)!r}: the name is not UTF-8; rename the file") from None
            except OSError as error:
                raise cannot_read(error) from None
            with source, archive.open(info, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, 2**20)
    return packed


def cannot_read(error: OSError) -> UserError:
    """One line for a file or folder that can't be opened."""
    return UserError(f"{error.filename}: can't be read ({error.strerror}); give yourself the right to, and run again")
