"""The files of a tar archive, which is read sequentially."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from typing import IO, Self

from unseen.core.picture_names import matches, normal
from unseen.core.shortages import raise_shortage
from unseen.sources.shared import entry
from unseen.sources.shared.entry import Entry, nothing, refusal


class _Tar(tarfile.TarFile):
    """A tar archive that is read beyond end marks, since archives may be concatenated (`cat a.tar b.tar`)."""

    at_end = False


class _Header(tarfile.TarInfo):
    """A tar header. Tar archives end with an empty header; without it, the archive may be truncated."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """Read the next header. `tarfile` would treat a truncated or damaged header as the end, or skip it."""
        try:
            header = super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            archive.at_end = True  # type: ignore[attr-defined]
            raise
        except tarfile.EmptyHeaderError as error:  # type: ignore[attr-defined]
            if archive.at_end:  # type: ignore[attr-defined]
                raise
            raise OSError(f"the end is missing ({error})") from None
        except tarfile.HeaderError as error:
            raise OSError(str(error)) from None
        archive.at_end = False  # type: ignore[attr-defined]
        return header


def open_tar(handle: IO[bytes]) -> _Tar:
    """Open a tar archive, compressed or not, for sequential reading; compressed streams may be concatenated."""
    start = handle.read(6)
    handle.seek(0)
    stream: IO[bytes] = handle
    if start.startswith(b"\x1f\x8b"):
        stream = gzip.GzipFile(fileobj=handle)  # type: ignore[assignment]
    elif start.startswith(b"BZh"):
        stream = bz2.BZ2File(handle)
    elif start.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        stream = lzma.LZMAFile(handle)  # noqa: SIM115
    opened = _Tar.open(fileobj=stream, mode="r|", tarinfo=_Header, encoding="utf-8", ignore_zeros=True)
    assert isinstance(opened, _Tar)
    return opened


def _headers(archive: _Tar) -> Iterator[tarfile.TarInfo | Entry]:
    """Yield the headers of an archive, and finally an entry if it can't be read to its end."""
    while True:
        try:
            info = archive.next()
        except Exception as error:  # decompressors raise undocumented errors on damaged bytes
            raise_shortage(error, 2 * entry.MAX_MEMBER_BYTES)
            if archive.at_end:
                yield Entry("bytes after the end of the archive", "trailing_data", nothing, str(error))
            else:
                yield Entry("the rest of the archive", "damaged_archive", nothing, str(error))
            return
        if info is None:
            return
        # TarFile keeps all headers; 140,000 of them take 150 MB.
        archive.members = []  # type: ignore[attr-defined]
        yield info


def tar_entries(again: Callable[[], _Tar], pattern: str) -> Iterator[Entry]:
    """Yield the files whose names match, in stored order. Hard links are last, with the bytes of their target.

    Args:
        again: opens the archive at its beginning. It is called a second time only if there are hard links, to read
            the bytes of their targets.
        pattern: see `unseen.core.picture_names.matches`.
    """
    archive = again()
    seen: set[str] = set()
    links: dict[str, str] = {}
    wanted: list[str] = []
    for info in _headers(archive):
        if isinstance(info, Entry):
            yield info
            continue
        name = normal(_text(info.name))
        if info.islnk():
            links.setdefault(name, normal(_text(info.linkname)))
        if info.isdir() or not matches(name, pattern):
            continue
        why, detail = refusal(name, pattern, info.size, seen), ""
        if info.islnk() and not why:
            wanted.append(name)
            continue
        if not why and not info.isreg():
            why, detail = "link" if info.issym() else "special_file", "a symbolic link" if info.issym() else ""
        yield Entry(name, why, lambda info=info: archive.extractfile(info) or nothing(), detail)  # type: ignore[misc]
    if wanted:
        yield from _linked(again(), {name: _target(name, links) for name in wanted})


def _target(name: str, links: dict[str, str]) -> str:
    """The final target of a hard link; loops are not followed."""
    visited = set()
    while name in links and name not in visited:
        visited.add(name)
        name = links[name]
    return name


def _linked(archive: _Tar, targets: dict[str, str]) -> Iterator[Entry]:
    """Yield hard links as entries with the bytes of their targets."""
    open_links: dict[str, list[str]] = {}
    for name, target in targets.items():
        open_links.setdefault(target, []).append(name)
    for info in _headers(archive):
        if isinstance(info, Entry) or not info.isreg():
            continue
        names = open_links.pop(normal(_text(info.name)), [])
        if names:
            try:
                data = (archive.extractfile(info) or nothing()).read(entry.MAX_MEMBER_BYTES + 1)
            except Exception as error:  # as in `_headers`
                raise_shortage(error, 2 * entry.MAX_MEMBER_BYTES)
                yield from (Entry(name, "damaged_member", nothing, str(error)) for name in names)
                continue
            for name in names:
                yield Entry(name, "", lambda data=data: io.BytesIO(data))  # type: ignore[misc]
    for target, names in open_links.items():
        yield from (Entry(name, "link", nothing, f"a hard link to {target}, which is missing") for name in names)


def _text(name: str) -> str:
    """A name in a tar archive as text; names that are not UTF-8 are decoded as Latin-1."""
    found = name.encode("utf-8", "surrogateescape")
    try:
        return found.decode()
    except UnicodeDecodeError:
        return found.decode("latin-1")
