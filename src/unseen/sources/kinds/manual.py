"""An archive that only a person can get: they put it into a folder, and it is taken from there."""

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
    """A file that only a person can get: a form, a licence to sign, a mail to wait for."""

    kind: Literal["manual"]
    page: str = Field(pattern=r"^https?://[^\s]+$", description="where it is asked for")
    wait: str = Field(min_length=1, description="how long that takes, in words")
    file: str = Field(pattern=r"^[^/\\]+$", description="glob over the file's name")
    folder: str = Field(default="data/manual", min_length=1, description="where to put it")

    is_local: ClassVar[bool] = True
    has_problems: ClassVar[bool] = True
    not_identity: ClassVar[frozenset[str]] = frozenset({"page", "wait", "folder"})


UNFINISHED = (".part", ".crdownload", ".download", ".partial", ".opdownload", ".aria2")
"""What browsers and download tools add to the name of a file that is still coming."""


def fetch(settings: Settings, folder: Path, parts: Path) -> Path:
    """Copy the one file that matches into `folder`.

    Args:
        settings: what the file is called, where it lies, and where one asks for it.
        folder: an existing folder that receives the archive under its own name.
        parts: not used: what lies on this machine is copied again.

    Returns:
        The archive's path.

    Raises:
        UserError: there is no such file yet, there are several, or it is not whole or not readable.
    """
    return _copied(find_file(settings), folder)


def find_file(settings: Settings) -> Path:
    """The one file that matches, where the user has put it.

    Raises:
        UserError: there is no such file yet, there are several, or it is not whole.
    """
    there = Path(os.path.expanduser(settings.folder))
    names = _names(there)
    coming = [name for name in names if _finished_name(name) != name and _matches(_finished_name(name), settings)]
    waited_for = {_finished_name(name) for name in coming}
    found = [name for name in names if _matches(name, settings) and name not in (*coming, *waited_for)]
    if len(found) > 1:
        raise UserError(
            f"{there}: {', '.join(found)} all match {settings.file!r}; leave one there, or narrow `file` in params, "
            "then `dvc repro` again"
        )
    if not found and coming:
        raise UserError(f"{there / coming[0]}: still downloading; when it is done, `dvc repro` again")
    if not found:
        raise UserError(
            f"{settings.file}: not there yet; fetch it by hand from {settings.page} (takes {settings.wait}), put it "
            f"into {there} so that it matches {settings.file!r}, then `dvc repro` again"
        )
    return there / found[0]


def problems(archives: Mapping[str, Settings], project: Path) -> Iterator[str]:
    """Files that are not there yet, or not whole.

    Args:
        archives: by name.
        project: the project's folder, from which paths count.
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
    """The files in a folder, without hidden ones: macOS puts `._photos.zip` beside `photos.zip`."""
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
            f"{file}: empty, perhaps still downloading; when it is whole, or when you have put the right file there, "
            "`dvc repro` again"
        )
    return Path(shutil.copyfile(file, folder / file.name))
