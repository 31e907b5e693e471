"""The user's own pictures: a folder, which is packed into one archive, or an archive file.

The hash of the first version is recorded. Later changes are refused until the user accepts them.
"""

import os
import shutil
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unseen.core.errors import UserError, printable
from unseen.core.files import atomic_folder, sha256_of
from unseen.core.json_files import write_json
from unseen.core.picture_names import is_system_file
from unseen.sources.shared import archive
from unseen.sources.shared.checksums import forget, origin, recorded, stored_archive, verify
from unseen.sources.shared.packing import cannot_read, pack
from unseen.sources.shared.settings import FolderSettings

PACKED = "pictures.zip"


@dataclass
class FolderFiles:
    """The files of a folder, sorted by name, and the numbers of skipped ones with an example, by reason."""

    root: Path
    files: list[Path] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def leave_out(self, path: Path, reason: str) -> None:
        """Count a file or folder that is skipped."""
        self.left_out[reason] += 1
        self.examples.setdefault(reason, path.relative_to(self.root).as_posix())

    def summary(self) -> str:
        """The skipped files in one line; empty if there are none."""
        return ", ".join(f"{n} {reason} (such as {printable(self.examples[reason])})" for reason, n in self._sorted())

    def card(self) -> dict[str, dict[str, Any]]:
        """The skipped files for the archive's card, without hidden and system files, which are not stable."""
        counts = {reason: n for reason, n in self._sorted() if reason != "system_file"}
        return {reason: {"count": n, "example": printable(self.examples[reason])} for reason, n in counts.items()}

    def _sorted(self) -> list[tuple[str, int]]:
        return sorted(self.left_out.items())


def _stop(error: OSError) -> None:
    raise cannot_read(error)


def files_below(root: Path) -> FolderFiles:
    """List the files in a folder and its subfolders.

    Skipped are hidden and system files (`system_file`; a folder of them counts once), links to folders
    (`linked_folder`; DVC does not follow them, so it would not notice changes), broken links (`broken_link`), and
    entries that are neither files nor folders (`special_file`).

    Raises:
        UserError: a folder is not readable.
    """
    found = FolderFiles(root)
    for parent, folders, names in os.walk(root, onerror=_stop):
        below = []
        for name in sorted(folders):
            path = Path(parent, name)
            if is_system_file((path / "x").relative_to(root).as_posix()):
                found.leave_out(path, "system_file")
            elif path.is_symlink():
                found.leave_out(path, "linked_folder")
            else:
                below.append(name)
        folders[:] = below
        for name in sorted(names):
            path = Path(parent, name)
            if is_system_file(path.relative_to(root).as_posix()):
                found.leave_out(path, "system_file")
            elif path.is_file():
                found.files.append(path)
            else:
                found.leave_out(path, "broken_link" if path.is_symlink() else "special_file")
    found.files.sort(key=lambda path: path.relative_to(root).as_posix())
    return found


def _crc(file: Path) -> int:
    value = 0
    with file.open("rb") as handle:
        while data := handle.read(2**20):
            value = zlib.crc32(data, value)
    return value


def _packed(before: Path) -> dict[str, tuple[int, int]]:
    """Size and CRC-32 of each file in an archive from `pack`; empty if it is not readable."""
    try:
        with zipfile.ZipFile(before) as packed:
            return {info.filename: (info.file_size, info.CRC) for info in packed.infolist()}
    except (OSError, zipfile.BadZipFile):
        return {}


def _other_names_or_sizes(before: Path, found: FolderFiles) -> bool:
    """Whether names or sizes of files differ between a folder and its archive; files are not read."""
    there = {file.relative_to(found.root).as_posix(): file.stat().st_size for file in found.files}
    return there != {name: size for name, (size, _) in _packed(before).items()}


def changes(before: Path, found: FolderFiles) -> str:
    """The changes in a folder since it was packed, for instance `2 added (such as a.jpg), 1 removed (b.jpg)`."""
    was = _packed(before)
    names = {file.relative_to(found.root).as_posix(): file for file in found.files}
    same = [name for name in names if name in was]
    altered = [n for n in same if was[n] != (names[n].stat().st_size, _crc(names[n]))]
    kinds: dict[str, Sequence[str]] = {
        "added": sorted(names.keys() - was.keys()),
        "removed": sorted(was.keys() - names.keys()),
        "altered": altered,
    }
    return ", ".join(
        f"{len(some)} {kind} ({'such as ' * (len(some) > 1)}{printable(some[0])})"
        for kind, some in kinds.items()
        if some
    )


def changes_since_packed(name: str, settings: FolderSettings, project: Path, found: FolderFiles) -> str:
    """An error message if names or sizes of files have changed since a folder was packed; otherwise empty.

    Args:
        name: key in `folders`.
        settings: settings of the folder.
        project: the project's folder.
        found: files of the folder.
    """
    expected = settings.sha256 or recorded(project / "checksums" / f"{name}.sha256", settings)
    before = stored_archive(project / "data/raw" / name, "sha256", expected)
    if before is None or before.name != PACKED or not _other_names_or_sizes(before, found):
        return ""
    return f"changed since it was first read: {changes(before, found)}; {_accept(name, settings)}"


def _accept(name: str, settings: FolderSettings) -> str:
    if settings.sha256:
        return f"correct or remove `folders.{name}.sha256` to accept the change, or restore the old state"
    return f"accept the change with `unseen accept {name}` and `dvc repro`, or restore the old state"


def _refuse(name: str, settings: FolderSettings, what: str) -> UserError:
    return UserError(f"{settings.path}: changed since it was first read: {what}; {_accept(name, settings)}")


def take_folder(name: str, settings: FolderSettings, target: Path, checksums: Path) -> None:
    """Pack a folder, or copy an archive file, into the folder `target`.

    Args:
        name: key in `folders`.
        settings: settings of the folder.
        target: folder for the archive and `archive.json`; it is replaced atomically. The archive of an earlier run is
            used to report changes.
        checksums: file with the hash of the first version.

    Raises:
        UserError: the path does not exist, is not readable, or has changed.
    """
    path = Path(settings.path)
    expected = settings.sha256 or recorded(checksums, settings)
    if path.is_file():
        _take_file(name, settings, target, checksums, expected)
        return
    if not path.is_dir():
        raise UserError(f"{path}: neither a folder nor an archive file; correct `folders.{name}.path`")
    found = files_below(path)
    if skipped := found.summary():
        print(f"folder {name}: skipped {skipped}", file=sys.stderr)
    if not found.files:
        raise UserError(f"{path}: no files in this folder; correct `folders.{name}.path`, or put pictures there")
    before = stored_archive(target, "sha256", expected)
    if before and before.name == PACKED and _other_names_or_sizes(before, found):
        raise _refuse(name, settings, changes(before, found))
    with atomic_folder(target) as part:
        packed = pack(path, found.files, part / PACKED)
        sha256 = sha256_of(packed)
        if expected not in ("", sha256):
            what = changes(before, found) if before else "the earlier archive is not available for comparison"
            raise _refuse(name, settings, what or "the packing differs")
        _write_card(part, packed, settings, sha256, found.card())
        verify(checksums, settings, packed.name, sha256)


def _take_file(name: str, settings: FolderSettings, target: Path, checksums: Path, expected: str) -> None:
    path = Path(settings.path)
    try:
        sha256 = sha256_of(path)
    except OSError as error:
        raise cannot_read(error) from None
    try:
        archive.check_archive(path, whole=sha256 != expected)
    except archive.NotAnArchiveError as error:
        if sha256 == expected:  # recorded by a version that did not open archives
            forget(checksums, settings)
        raise UserError(
            f"{path}: {error.why}; put the right file there, or correct `folders.{name}.path`, then `dvc repro` again"
        ) from None
    if expected not in ("", sha256):
        raise _refuse(name, settings, "the bytes of the file differ")
    with atomic_folder(target) as part:
        copied = Path(shutil.copyfile(path, part / path.name))
        _write_card(part, copied, settings, sha256, {})
        verify(checksums, settings, copied.name, sha256)


def _write_card(part: Path, file: Path, settings: FolderSettings, sha256: str, left_out: dict[str, Any]) -> None:
    card = {"file": file.name, "sha256": sha256, "bytes": file.stat().st_size, "origin": origin(settings)}
    write_json(part / "archive.json", {**card, "left_out": left_out})
