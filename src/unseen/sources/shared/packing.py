"""Packs files into one archive with deterministic bytes."""

import os
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

from unseen.core.errors import UserError

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The earliest date of zip files, used for every member so that bytes do not depend on file dates."""


def pack(root: Path, files: Iterable[Path], packed: Path) -> Path:
    """Pack files into one zip archive. The same files in the same order give the same bytes.

    Args:
        root: folder to which names in the archive are relative.
        files: files to pack, all below `root`.
        packed: path of the archive.

    Returns:
        Path of the archive.

    Raises:
        UserError: a file is not readable, or its name is not UTF-8.
    """
    with zipfile.ZipFile(packed, "w") as archive:
        for file in files:
            # Stored without compression: photos are compressed already, and zlib's output depends on its version.
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
    """The error for a file or folder that can't be opened."""
    return UserError(f"{error.filename}: can't be read ({error.strerror}); correct its permissions, and run again")
