"""Reads the files of untrusted archives without unpacking them to disk."""

import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from unseen.core.errors import UserError
from unseen.core.shortages import raise_shortage
from unseen.sources.shared.entry import MAX_MEMBER_BYTES, Entry, Member
from unseen.sources.shared.file_kinds import kind_of
from unseen.sources.shared.tar_entries import open_tar, tar_entries
from unseen.sources.shared.zip_entries import zip_entries

__all__ = ["MAX_MEMBER_BYTES", "Entry", "Member", "NotAnArchiveError", "check_archive", "entries", "members"]


class NotAnArchiveError(UserError):
    """A file is not a readable archive. `why` describes the file, without its name."""

    def __init__(self, name: object, why: str, advice: str = "fetch it again") -> None:
        super().__init__(f"{name}: {why}; {advice}")
        self.why = why


def _entries(stack: ExitStack, path: Path, inside: str, pattern: str) -> Iterator[Entry]:
    """The entries of a zip or tar archive; the format is detected from the first bytes."""
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
    """Open an archive, or an archive inside a zip file. A file in a tar archive can't be reopened."""
    handle = stack.enter_context(path.open("rb"))
    if not inside:
        return handle
    return stack.enter_context(stack.enter_context(zipfile.ZipFile(handle)).open(inside))


def _wrong(path: Path, inside: str, error: Exception) -> NotAnArchiveError:
    """The error for a file, or a file inside it, that is not a readable archive."""
    if not inside:
        return NotAnArchiveError(path, f"{kind_of(path)} ({error})")
    if zipfile.is_zipfile(path):
        return NotAnArchiveError(f"{path}: {inside}", f"not a readable zip or tar archive ({error})")
    return NotAnArchiveError(path, f"{kind_of(path)}; `inside` needs a readable zip archive")


def entries(path: Path, pattern: str, inside: str = "") -> Iterator[Entry]:
    """Yield the files of a zip or tar archive whose names match, without reading them.

    Args:
        path: the archive; nothing is unpacked to disk.
        pattern: glob for the whole name; see `unseen.core.picture_names.matches`.
        inside: name of an archive inside the zip archive, which is read instead; empty for the archive itself.

    Yields:
        Files of a zip archive are sorted by name. Files of a tar archive and of an inner archive are in stored order,
        hard links last, since going back means reading from the first byte again. Files that can't be read have a
        reason: `system_file` (see `unseen.core.picture_names.is_system_file`), `link`, `special_file`, `encrypted`,
        `unsupported_compression`, `too_large`, `same_name_twice`, `no_name`, `damaged_member`; for the archive itself
        `damaged_archive`, `trailing_data` and `unlisted_part`.

    Raises:
        NotAnArchiveError: the file is not a zip or tar archive.
        UserError: the file can't be opened, or has no member `inside`.
    """
    with ExitStack() as stack:
        try:
            found = _entries(stack, path, inside, pattern)
        except KeyError:
            raise UserError(f"{path}: has no member {inside!r}; correct `inside` in params") from None
        except Exception as error:  # decompressors raise undocumented errors on damaged bytes
            raise_shortage(error, 2 * MAX_MEMBER_BYTES)
            if isinstance(error, OSError) and error.errno:
                raise UserError(f"{path}: not readable ({error.strerror}); fetch it again") from None
            raise _wrong(path, inside, error) from None
        yield from found


def members(path: Path, pattern: str, inside: str = "") -> Iterator[Member]:
    """Yield the same files with their bytes, without hidden and system files."""
    for entry in entries(path, pattern, inside):
        if entry.refused != "system_file":
            yield entry.read()


def check_archive(path: Path, whole: bool = True) -> None:
    """Check that an archive can be opened and its files listed.

    Args:
        path: the archive.
        whole: if false, only the beginning of a tar archive is read, since it has no index.

    Raises:
        NotAnArchiveError: the file is not an archive, is damaged or truncated, or has no readable files.
    """
    files, refused, example = 0, Counter[str](), ""
    for entry in entries(path, "*"):
        if entry.refused in ("damaged_archive", "unlisted_part"):
            raise NotAnArchiveError(path, f"damaged or truncated after {files} files ({entry.detail})")
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
        raise NotAnArchiveError(path, f"none of its {files} files is readable, such as {example}", "pack it again")
