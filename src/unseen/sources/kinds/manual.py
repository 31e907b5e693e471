"""Archives that must be downloaded manually and put into a folder."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from unseen.core.errors import UserError
from unseen.core.picture_names import is_system_file, matches
from unseen.sources.shared.settings import ArchiveSettings


class Settings(ArchiveSettings):
    """A file that must be downloaded manually, for instance after a form, a licence or an e-mail."""

    kind: Literal["manual"]
    page: str = Field(pattern=r"^https?://[^\s]+$", description="page where the file is requested")
    wait: str = Field(min_length=1, description="how long that takes, as text")
    file: str = Field(pattern=r"^[^/\\]+$", description="glob for the file's name")
    folder: str = Field(default="data/manual", min_length=1, description="folder where the file is put")

    is_local: ClassVar[bool] = True
    has_problems: ClassVar[bool] = True
    not_identity: ClassVar[frozenset[str]] = frozenset({"page", "wait", "folder"})


UNFINISHED = (".part", ".crdownload", ".download", ".partial", ".opdownload", ".aria2")
"""Suffixes that browsers and download tools add to unfinished files."""


def fetch(settings: Settings, folder: Path, parts: Path) -> Path:
    """Copy the matching file into `folder`.

    Args:
        settings: name and folder of the file.
        folder: existing folder for the archive, which keeps its name.
        parts: not used, since local files are copied again.

    Returns:
        Path of the archive.

    Raises:
        UserError: no file or several files match, or the file is incomplete or not readable.
    """
    return _copied(find_file(settings), folder)


def find_file(settings: Settings) -> Path:
    """Find the file that matches.

    Raises:
        UserError: no file or several files match, or the file is incomplete.
    """
    there = Path(os.path.expanduser(settings.folder))
    names = _names(there)
    coming = [name for name in names if _finished_name(name) != name and _matches(_finished_name(name), settings)]
    waited_for = {_finished_name(name) for name in coming}
    found = [name for name in names if _matches(name, settings) and name not in (*coming, *waited_for)]
    if len(found) > 1:
        raise UserError(
            f"{there}: {', '.join(found)} all match {settings.file!r}; keep one, or make `file` in params more "
            "specific, then `dvc repro` again"
        )
    if not found and coming:
        raise UserError(f"{there / coming[0]}: still downloading; when it is done, `dvc repro` again")
    if not found:
        raise UserError(
            f"{settings.file}: no such file yet; get it from {settings.page} (takes {settings.wait}), put it into "
            f"{there} with a name that matches {settings.file!r}, then `dvc repro` again"
        )
    return there / found[0]


def problems(archives: Mapping[str, Settings], project: Path) -> Iterator[str]:
    """Yield a line for each file that is missing or incomplete.

    Args:
        archives: archives by name.
        project: the project's folder, to which paths are relative.
    """
    for name, archive in archives.items():
        try:
            find_file(archive.model_copy(update={"folder": str(_place(archive.folder, project))}))
        except UserError as error:
            yield f"`archives.{name}.file`: {error}"


def _place(path: str, project: Path) -> Path:
    try:
        return project / Path(os.path.expanduser(path))
    except RuntimeError:  # no home
        return project / path


def _names(folder: Path) -> list[str]:
    """The files in a folder, without hidden ones such as `._photos.zip`, which macOS creates."""
    try:
        return sorted(path.name for path in folder.iterdir() if path.is_file() and not is_system_file(path.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"{folder}: can't be read ({error.strerror}); correct that, then `dvc repro` again") from None


def _finished_name(name: str) -> str:
    ending = next((ending for ending in UNFINISHED if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]


def _matches(name: str, settings: Settings) -> bool:
    return matches(name, settings.file)


def _copied(file: Path, folder: Path) -> Path:
    try:
        with file.open("rb") as handle:
            empty = not handle.read(1)
    except OSError as error:
        raise UserError(f"{file}: can't be read ({error.strerror}); correct that, then `dvc repro` again") from None
    if empty:
        raise UserError(
            f"{file}: empty, perhaps still downloading; wait for the download, or put the right file there, then "
            "`dvc repro` again"
        )
    return Path(shutil.copyfile(file, folder / file.name))
