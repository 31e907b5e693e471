"""Read the files in an archive without unpacking it and without trusting it."""

import fnmatch
import operator
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Self

from unseen.errors import UserError

MAX_MEMBER_BYTES = 256 * 2**20
"""No photo is larger; a member that says or turns out to be is a bomb or a mistake."""


@dataclass(frozen=True)
class Member:
    """One file of an archive: its bytes, or the reason why it was not read."""

    name: str
    data: bytes = b""
    refused: str = ""


@dataclass(frozen=True)
class Entry:
    """A file that an archive lists: its name, why it will not be read, and how it is opened."""

    name: str
    refused: str
    open: Callable[[], IO[bytes]]

    def read(self) -> Member:
        """Its bytes, or why not; before the next entry is asked for."""
        if self.refused:
            return Member(self.name, refused=self.refused)
        try:
            with self.open() as handle:
                data = handle.read(MAX_MEMBER_BYTES + 1)
        except Exception:  # what the decompressors raise on damaged bytes is not documented
            return Member(self.name, refused="damaged_member")
        if len(data) > MAX_MEMBER_BYTES:
            return Member(self.name, refused="too_large")
        return Member(self.name, data=data)


def _unsafe(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]


def _refusal(name: str, link: bool, encrypted: bool, size: int, seen: bool) -> str:
    if _unsafe(name):
        return "unsafe_path"
    if link:
        return "link"
    if encrypted:
        return "encrypted"
    if size > MAX_MEMBER_BYTES:
        return "too_large"
    return "same_name_twice" if seen else ""


def _zip_entries(archive: zipfile.ZipFile, pattern: str, order: str) -> Iterator[Entry]:
    infos = [info for info in archive.infolist() if not (info.filename and info.is_dir())]
    seen: set[str] = set()
    for info in sorted(infos, key=operator.attrgetter(order)):
        if fnmatch.fnmatchcase(info.filename, pattern):
            # The upper half of the attributes is the Unix mode, where the archive came from Unix.
            link, encrypted = stat.S_ISLNK(info.external_attr >> 16), bool(info.flag_bits & 0x1)
            refused = _refusal(info.filename, link, encrypted, info.file_size, info.filename in seen)
            seen.add(info.filename)
            yield Entry(info.filename, refused, lambda info=info: archive.open(info))  # type: ignore[misc]


class _Header(tarfile.TarInfo):
    """A tar header. Tar files end with an empty one; where there is none, a part may be missing."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """The next header; `tarfile` itself takes a cut off or overwritten one for the end."""
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise OSError(str(error)) from None


def _tar_entries(archive: tarfile.TarFile, pattern: str) -> Iterator[Entry]:
    seen: set[str] = set()
    while True:
        try:
            info = archive.next()
        except Exception:  # as above
            yield Entry("the rest of the archive", "damaged_archive", _nothing)
            return
        if info is None:
            return
        # A tar file keeps every header it has met; 140,000 of them are 150 MB.
        archive.members = []  # type: ignore[attr-defined]
        name = _text(info.name)
        if info.isdir() or not fnmatch.fnmatchcase(name, pattern):
            continue
        refused = _refusal(name, not info.isreg(), False, info.size, name in seen)
        seen.add(name)
        yield Entry(name, refused, lambda info=info: archive.extractfile(info) or _nothing())  # type: ignore[misc]


def _text(name: str) -> str:
    """A name in a tar archive as text that can be stored: what is not UTF-8 is taken for Latin-1."""
    found = name.encode("utf-8", "surrogateescape")
    try:
        return found.decode()
    except UnicodeDecodeError:
        return found.decode("latin-1")


def _nothing() -> IO[bytes]:
    raise OSError("not a file")


def _entries(stack: ExitStack, path: Path, handle: IO[bytes], pattern: str, order: str) -> Iterator[Entry]:
    """The entries of a zip or tar archive, by what its first bytes say."""
    try:
        start = handle.read(2)
        handle.seek(0)
        if start == b"PK":
            return _zip_entries(stack.enter_context(zipfile.ZipFile(handle)), pattern, order)
        opened = tarfile.open(fileobj=handle, mode="r|*", tarinfo=_Header, encoding="utf-8")  # noqa: SIM115
        return _tar_entries(stack.enter_context(opened), pattern)
    except Exception as error:  # as above
        raise UserError(f"{path}: not a readable zip or tar archive ({error}); fetch it again") from None


def _inside(stack: ExitStack, path: Path, handle: IO[bytes], name: str) -> IO[bytes]:
    """The bytes of an archive within the archive, which must be a zip file: a stream can't be looked into twice."""
    try:
        outer = stack.enter_context(zipfile.ZipFile(handle))
        return stack.enter_context(outer.open(name))
    except KeyError:
        raise UserError(f"{path}: holds no {name!r}; correct `inside` in params") from None
    except Exception as error:  # as above
        raise UserError(f"{path}: not a readable zip archive ({error}); fetch it again") from None


def entries(path: Path, pattern: str, inside: str = "") -> Iterator[Entry]:
    """The files of a zip or tar archive whose names match, each to be read or passed over.

    Args:
        path: the archive; nothing of it is ever written to disk.
        pattern: a glob over the whole name; `*` also matches `/`.
        inside: an archive within the zip archive that is looked into instead.

    Yields:
        Those of a zip archive sorted by name; those of a tar archive, which has no index, and of an archive within
        an archive, where a way back starts again at its first byte, as they lie in it. What is not read has a
        reason: `unsafe_path`, `link`, `encrypted`, `too_large`, `same_name_twice`, `damaged_member`,
        `damaged_archive`.

    Raises:
        UserError: it is not a zip or tar archive.
    """
    with ExitStack() as stack:
        try:
            handle: IO[bytes] = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise UserError(f"{path}: not readable ({error.strerror}); fetch it again") from None
        if inside:
            handle = _inside(stack, path, handle, inside)
        yield from _entries(stack, path, handle, pattern, "header_offset" if inside else "filename")


def members(path: Path, pattern: str, inside: str = "") -> Iterator[Member]:
    """The same files, all of them read."""
    for entry in entries(path, pattern, inside):
        yield entry.read()
