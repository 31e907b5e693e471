"""Read the files in an archive without unpacking it and without trusting it."""

import fnmatch
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from unseen.errors import UserError

MAX_MEMBER_BYTES = 256 * 2**20
"""No photo is larger; a member that says or turns out to be is a bomb or a mistake."""


@dataclass(frozen=True)
class Member:
    """One file of an archive: its bytes, or the reason why it was not read."""

    name: str
    data: bytes = b""
    refused: str = ""


def _refusal(info: zipfile.ZipInfo) -> str:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return "unsafe_path"
    # The upper half of the attributes is the Unix mode, where the archive came from Unix.
    if stat.S_ISLNK(info.external_attr >> 16):
        return "link"
    if info.flag_bits & 0x1:
        return "encrypted"
    return "too_large" if info.file_size > MAX_MEMBER_BYTES else ""


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    refused = _refusal(info)
    if refused:
        return Member(info.filename, refused=refused)
    try:
        with archive.open(info) as handle:
            data = handle.read(MAX_MEMBER_BYTES + 1)
    except Exception:  # what the decompressors raise on damaged bytes is not documented
        return Member(info.filename, refused="damaged_member")
    if len(data) > MAX_MEMBER_BYTES:
        return Member(info.filename, refused="too_large")
    return Member(info.filename, data=data)


def members(path: Path, pattern: str) -> Iterator[Member]:
    """The files of a zip archive whose names match, sorted by name.

    Args:
        path: the archive; nothing of it is ever written to disk.
        pattern: a glob over the whole name; `*` also matches `/`.

    Yields:
        Members with their bytes, or with the reason why they were refused: `unsafe_path`, `link`,
        `encrypted`, `too_large`, `damaged_member`.

    Raises:
        UserError: it is not a zip archive.
    """
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # as above
        raise UserError(f"{path}: not a readable zip archive ({error}); fetch it again") from None
    with archive:
        infos = [info for info in archive.infolist() if not (info.filename and info.is_dir())]
        for info in sorted(infos, key=lambda info: info.filename):
            if fnmatch.fnmatchcase(info.filename, pattern):
                yield _read(archive, info)
