"""The files in a tar archive, which is read once from its beginning to its end."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from typing import IO, Self

from unseen.core.picture_names import matches, normal
from unseen.sources.shared import entry
from unseen.sources.shared.entry import Entry, nothing, refusal


class _Tar(tarfile.TarFile):
    """A tar archive that is read on after an end mark: several may lie one behind the other (`cat a.tar b.tar`)."""

    at_end = False


class _Header(tarfile.TarInfo):
    """A tar header. Tar archives end with an empty one; where there is none, a part may be missing."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """The next header; `tarfile` itself takes a cut off or overwritten one for the end, or passes it over."""
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
    """A tar archive, compressed or not, for reading from front to back. Compressed parts may follow each other."""
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
    """The headers in an archive, and at last an entry where it can't be read to its end."""
    while True:
        try:
            info = archive.next()
        except Exception as error:  # what the decompressors raise on damaged bytes is not documented
            if archive.at_end:
                yield Entry("what follows the end of the archive", "trailing_data", nothing, str(error))
            else:
                yield Entry("the rest of the archive", "damaged_archive", nothing, str(error))
            return
        if info is None:
            return
        # A tar file keeps every header it has met; 140,000 of them are 150 MB.
        archive.members = []  # type: ignore[attr-defined]
        yield info


def tar_entries(again: Callable[[], _Tar], pattern: str) -> Iterator[Entry]:
    """The files whose names match, in their order. Hard links come last, each as the file that it is.

    Args:
        again: opens the archive at its beginning. A second time only where it has hard links: their bytes lie where
            another name has them.
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
    """Where a hard link leads in the end; a link to itself leads nowhere."""
    passed = set()
    while name in links and name not in passed:
        passed.add(name)
        name = links[name]
    return name


def _linked(archive: _Tar, targets: dict[str, str]) -> Iterator[Entry]:
    """Hard links, by what they lead to, as entries with the bytes of that file."""
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
                yield from (Entry(name, "damaged_member", nothing, str(error)) for name in names)
                continue
            for name in names:
                yield Entry(name, "", lambda data=data: io.BytesIO(data))  # type: ignore[misc]
    for target, names in open_links.items():
        yield from (Entry(name, "link", nothing, f"a hard link to {target}, which is no file here") for name in names)


def _text(name: str) -> str:
    """A name in a tar archive as text that can be stored: what is not UTF-8 is taken for Latin-1."""
    found = name.encode("utf-8", "surrogateescape")
    try:
        return found.decode()
    except UnicodeDecodeError:
        return found.decode("latin-1")
