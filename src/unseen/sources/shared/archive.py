"""Read the files in an archive without unpacking it and without trusting it."""

import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from unseen.core.errors import UserError
from unseen.sources.shared.entry import MAX_MEMBER_BYTES, Entry, Member
from unseen.sources.shared.file_kinds import kind_of
from unseen.sources.shared.tar_entries import open_tar, tar_entries
from unseen.sources.shared.zip_entries import zip_entries

__all__ = ["MAX_MEMBER_BYTES", "Entry", "Member", "NotAnArchiveError", "check_archive", "entries", "members"]


class NotAnArchiveError(UserError):
    """A file that can't be read as an archive. `why` says what it is instead, without its name."""

    def __init__(self, name: object, why: str, advice: str = "fetch it again") -> None:
        super().__init__(f"{name}: {why}; {advice}")
        self.why = why


def _entries(stack: ExitStack, path: Path, inside: str, pattern: str) -> Iterator[Entry]:
    """The entries of a zip or tar archive, by what its first bytes say."""
    handle = _opened(stack, path, inside)
    if handle.read(2) == b"PK":
        handle.seek(0)
        return zip_entries(
            stack.enter_context(zipfile.ZipFile(handle)), pattern, "header_offset" if inside else "filename"
        )
    handle.seek(0)
    first = [stack.enter_context(open_tar(handle))]
    return tar_entries(
        lambda: first.pop() if first else stack.enter_context(open_tar(_opened(stack, path, inside))), pattern
    )


def _opened(stack: ExitStack, path: Path, inside: str) -> IO[bytes]:
    """The bytes of an archive, or of one within it, which must be a zip file: a stream can't be looked into twice."""
    handle = stack.enter_context(path.open("rb"))
    if not inside:
        return handle
    return stack.enter_context(stack.enter_context(zipfile.ZipFile(handle)).open(inside))


def _wrong(path: Path, inside: str, error: Exception) -> NotAnArchiveError:
    """What is said of a file, or of a file in it, that is no readable archive."""
    if not inside:
        return NotAnArchiveError(path, f"{kind_of(path)} ({error})")
    if zipfile.is_zipfile(path):
        return NotAnArchiveError(f"{path}: {inside}", f"not a readable zip or tar archive ({error})")
    return NotAnArchiveError(path, f"{kind_of(path)}; `inside` needs a readable zip archive")


def entries(path: Path, pattern: str, inside: str = "") -> Iterator[Entry]:
    """The files of a zip or tar archive whose names match, each to be read or passed over.

    Args:
        path: the archive; nothing of it is ever written to disk.
        pattern: a glob over the whole name; see `unseen.core.picture_names.matches`.
        inside: an archive within the zip archive that is looked into instead.

    Yields:
        Those of a zip archive sorted by name; those of a tar archive, which has no index, and of an archive within an
        archive, where a way back starts again at its first byte, as they lie in it, hard links at the end. What is
        not read has a reason: `system_file` (see `unseen.core.picture_names.is_system_file`), `link`, `special_file`,
        `encrypted`, `unsupported_compression`, `too_large`, `same_name_twice`, `no_name`, `damaged_member`; and for
        the archive itself `damaged_archive`, `trailing_data` and `unlisted_part`.

    Raises:
        NotAnArchiveError: it is not a zip or tar archive.
        UserError: it can't be opened, or has no `inside`.
    """
    with ExitStack() as stack:
        try:
            found = _entries(stack, path, inside, pattern)
        except KeyError:
            raise UserError(f"{path}: holds no {inside!r}; correct `inside` in params") from None
        except Exception as error:  # what the decompressors raise on damaged bytes is not documented
            if isinstance(error, OSError) and error.errno:
                raise UserError(f"{path}: not readable ({error.strerror}); fetch it again") from None
            raise _wrong(path, inside, error) from None
        yield from found


def members(path: Path, pattern: str, inside: str = "") -> Iterator[Member]:
    """The same files, all of them read; without those that are hidden or an operating system's."""
    for entry in entries(path, pattern, inside):
        if entry.refused != "system_file":
            yield entry.read()


def check_archive(path: Path, whole: bool = True) -> None:
    """Open an archive and list its files.

    Args:
        path: the archive.
        whole: false looks at the beginning of a tar archive only, which has no index.

    Raises:
        NotAnArchiveError: it is none, is damaged or cut off, or holds no file that could be read.
    """
    files, refused, example = 0, Counter[str](), ""
    for entry in entries(path, "*"):
        if entry.refused in ("damaged_archive", "unlisted_part"):
            raise NotAnArchiveError(path, f"damaged or cut off after {files} files ({entry.detail})")
        if entry.refused in ("system_file", "trailing_data"):
            continue
        files += 1
        if entry.refused:
            refused[entry.refused] += 1
            example = example or f"{entry.name}: {entry.detail or entry.refused}"
        elif not whole:
            return
    if not files:
        raise NotAnArchiveError(path, "an archive without files")
    if files == refused.total():
        raise NotAnArchiveError(path, f"none of its {files} files can be read, such as {example}", "pack it anew")
