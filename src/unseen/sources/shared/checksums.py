"""Recorded hashes of first downloads, for archives without a hash in params: one file per archive, tracked by git."""

from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.files import atomic_file
from unseen.core.json_files import read_json
from unseen.sources.shared.settings import FolderSettings, Origin


def origin(settings: Origin) -> str:
    """The origin of an archive in one line, for instance `kaggle owner/name 3`."""
    if isinstance(settings, FolderSettings):
        return f"folder {settings.path}"
    fields = settings.model_dump(exclude={"sha256", *settings.not_identity})
    return " ".join(str(value) for value in fields.values())


def stored_archive(folder: Path, key: str, value: str) -> Path | None:
    """The archive file in a folder of the project, if `key` of its card has this value; None if there is none."""
    try:
        card = read_json(folder / "archive.json")
        file = folder / str(card["file"])
        return file if card[key] == value and file.is_file() else None
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return None


def recorded(file: Path, settings: Origin) -> str:
    """The recorded hash of this origin; empty if there is none."""
    if not file.exists():
        return ""
    lines = [line.partition("  ") for line in file.read_text(encoding="utf-8").splitlines()]
    return next((sha256 for sha256, _, what in lines if what == origin(settings)), "")


def record(file: Path, settings: Origin, sha256: str) -> None:
    """Add a line `sha256  origin`."""
    before = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    with atomic_file(file) as part:
        part.write_text("".join(f"{line}\n" for line in [*before, f"{sha256}  {origin(settings)}"]), encoding="utf-8")


def forget(file: Path, settings: Origin) -> bool:
    """Remove the recorded hash of this origin, so that the next run accepts and records a new one.

    Returns:
        Whether there was a recorded hash.
    """
    if not recorded(file, settings):
        return False
    lines = file.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.partition("  ")[2] != origin(settings)]
    if kept:
        with atomic_file(file) as part:
            part.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    else:
        file.unlink()
    return True


def verify(file: Path, settings: Origin, archive: str, found: str) -> None:
    """Compare a hash with that in params or of the first download; record it if this is the first download.

    Args:
        file: file of the archive's recorded hashes.
        settings: settings of the archive.
        archive: name of the archive file, for messages.
        found: SHA-256 of the archive file.

    Raises:
        UserError: the hashes differ.
    """
    before = recorded(file, settings)
    if settings.sha256 and settings.sha256 != found:
        raise UserError(
            f"{archive}: sha256 is {found}, params say {settings.sha256}; "
            "do not use this file: download it again, or correct params if the change is intended"
        )
    if not settings.sha256 and before and before != found:
        raise UserError(
            f"{archive}: sha256 is {found}, but {file} has {before} from the first download; if the change is "
            f"intended, or if the first download was wrong, `unseen accept {file.stem}`, then `dvc repro`"
        )
    if not settings.sha256 and not before:
        record(file, settings, found)
