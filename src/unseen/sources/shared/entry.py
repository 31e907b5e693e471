"""A file in an archive: its name, its bytes, or the reason why it is not read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from unseen.core.picture_names import is_system_file

MAX_MEMBER_BYTES = 256 * 2**20
"""No photo is larger; a member that says or turns out to be is a bomb or a mistake."""


@dataclass(frozen=True)
class Member:
    """One file of an archive: its bytes, or the reason why it was not read, by name and in words."""

    name: str
    data: bytes = b""
    refused: str = ""
    detail: str = field(default="", compare=False)


@dataclass(frozen=True)
class Entry:
    """A file that an archive lists: its name in the normal form, why it will not be read, and how it is opened."""

    name: str
    refused: str
    open: Callable[[], IO[bytes]]
    detail: str = ""

    def read(self) -> Member:
        """Its bytes, or why not; before the next entry is asked for."""
        if self.refused:
            return Member(self.name, refused=self.refused, detail=self.detail)
        try:
            with self.open() as handle:
                data = handle.read(MAX_MEMBER_BYTES + 1)
        except Exception as error:  # what the decompressors raise on damaged bytes is not documented
            return Member(self.name, refused="damaged_member", detail=str(error))
        if len(data) > MAX_MEMBER_BYTES:
            return Member(self.name, refused="too_large", detail=f"above {MAX_MEMBER_BYTES} bytes")
        return Member(self.name, data=data)


def nothing() -> IO[bytes]:
    """The `open` of an entry that has no bytes."""
    raise OSError("not a file")


def refusal(name: str, pattern: str, size: int, seen: set[str]) -> str:
    """Why a file is not read, as far as its name and size say; and remember its name.

    Args:
        name: in the normal form.
        pattern: the glob that matched. Where it names a hidden or system file itself, those are read.
        size: in bytes, as the archive says.
        seen: names that were met before.
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
