"""Files of an archive: name, and bytes or the reason why they are not read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from unseen.core.picture_names import is_system_file
from unseen.core.shortages import raise_shortage

MAX_MEMBER_BYTES = 256 * 2**20
"""Larger members are refused: photos are smaller, but decompression bombs are not."""


@dataclass(frozen=True)
class Member:
    """A file of an archive: its bytes, or why it was not read: `refused` is a reason code, `detail` a text."""

    name: str
    data: bytes = b""
    refused: str = ""
    detail: str = field(default="", compare=False)


@dataclass(frozen=True)
class Entry:
    """A listed file: its normalised name, the reason code if it will not be read, and a function that opens it."""

    name: str
    refused: str
    open: Callable[[], IO[bytes]]
    detail: str = ""

    def read(self) -> Member:
        """Read the file; must be called before the next entry is requested."""
        if self.refused:
            return Member(self.name, refused=self.refused, detail=self.detail)
        try:
            with self.open() as handle:
                data = handle.read(MAX_MEMBER_BYTES + 1)
        except Exception as error:  # decompressors raise undocumented errors on damaged bytes
            raise_shortage(error, 2 * MAX_MEMBER_BYTES)
            return Member(self.name, refused="damaged_member", detail=str(error))
        if len(data) > MAX_MEMBER_BYTES:
            return Member(self.name, refused="too_large", detail=f"above {MAX_MEMBER_BYTES} bytes")
        return Member(self.name, data=data)


def nothing() -> IO[bytes]:
    """`open` of an entry without bytes."""
    raise OSError("not a file")


def refusal(name: str, pattern: str, size: int, seen: set[str]) -> str:
    """The reason code for not reading a file, from its name and size; empty if it can be read.

    Args:
        name: normalised name.
        pattern: glob that matched. If it names a hidden or system file, such files are read.
        size: size in bytes, as stated by the archive.
        seen: names of earlier files; `name` is added.
    """
    before = name in seen
    seen.add(name)
    if not name:
        return "no_name"
    if is_system_file(name) and not is_system_file(pattern):
        return "system_file"
    if size > MAX_MEMBER_BYTES:
        return "too_large"
    return "same_name_twice" if before else ""
