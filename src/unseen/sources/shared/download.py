"""Downloads, checks and stores archives, and extracts single model files."""

import glob
import hashlib
import importlib
import os
import shutil
from pathlib import Path
from typing import Any

from unseen.core.errors import UserError
from unseen.core.files import atomic_folder, sha256_of
from unseen.core.json_files import read_json, write_json
from unseen.core.picture_names import normal
from unseen.core.recovery import advice
from unseen.sources.shared import archive
from unseen.sources.shared.checksums import forget, origin, recorded, verify
from unseen.sources.shared.settings import ArchiveSettings, AssetSettings


def archive_file(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The archive in a folder of `download_archive`, and its card: `file`, `sha256`, `bytes`, `origin`.

    Raises:
        UserError: there is no archive.
    """
    try:
        card = read_json(folder / "archive.json")
    except FileNotFoundError:
        raise UserError(f"{folder}: no archive here; {advice(folder)}") from None
    return folder / card["file"], card


def _kept(store: Path, settings: ArchiveSettings, checksums: Path) -> Path | None:
    """An undamaged archive with the expected hash from an earlier run; None if there is none.

    A file that is not an archive is removed with its hash; versions that did not open downloads recorded such files.
    """
    sha256 = settings.sha256 or recorded(checksums, settings)
    if settings.is_local or not sha256:
        return None
    for path in sorted((store / sha256).glob("*")):
        if sha256_of(path) == sha256:
            try:
                archive.check_archive(path, whole=False)
            except archive.NotAnArchiveError:
                shutil.rmtree(path.parent)
                forget(checksums, settings)
                return None
            return path
    return None


def _keep(store: Path, fetched: Path, sha256: str) -> None:
    """Keep the archive for later runs, as a hard link, which takes no space while DVC has the same file."""
    kept = store / sha256 / fetched.name
    shutil.rmtree(kept.parent, ignore_errors=True)  # it may be damaged
    kept.parent.mkdir(parents=True)
    try:
        os.link(fetched, kept)
    except OSError:
        kept.parent.rmdir()  # no hard links: another file system, or not supported; later runs download again


def download_archive(settings: ArchiveSettings, target: Path, checksums: Path, scratch: Path) -> None:
    """Download an archive unchanged, with its card, into the folder `target`.

    Args:
        settings: settings of the archive.
        target: folder for the archive and `archive.json`; it is created atomically.
        checksums: file with the hashes of first downloads.
        scratch: folder that keeps partial downloads, which are resumed, and archives of earlier runs, so that a
            change of code does not download them again.

    Raises:
        UserError: the download fails, or its hash differs.
    """
    parts = scratch / f"download-{hashlib.sha256(origin(settings).encode()).hexdigest()[:20]}"
    store = scratch / "archives"
    with atomic_folder(target) as part:
        kept = _kept(store, settings, checksums)
        if kept:
            fetched = Path(shutil.copyfile(kept, part / kept.name))
        else:
            parts.mkdir(parents=True, exist_ok=True)
            kind = importlib.import_module(f"unseen.sources.kinds.{settings.kind}")
            fetched = kind.fetch(settings, part, parts)
        sha256 = sha256_of(fetched)
        try:
            _check(fetched, settings, checksums, sha256)
            verify(checksums, settings, fetched.name, sha256)
        except UserError:
            shutil.rmtree(parts, ignore_errors=True)  # the next run must not resume from wrong bytes
            raise
        card = {"file": fetched.name, "sha256": sha256, "bytes": fetched.stat().st_size, "origin": origin(settings)}
        write_json(part / "archive.json", card)
        if not kept and not settings.is_local:
            _keep(store, fetched, sha256)
    shutil.rmtree(parts, ignore_errors=True)


def _check(fetched: Path, settings: ArchiveSettings, checksums: Path, sha256: str) -> None:
    """Check that a download is an archive before its hash is recorded; it may be a web page or a truncated file.

    Raises:
        UserError: the download is not an archive. Its hash is removed if it was recorded.
    """
    known = sha256 in (settings.sha256, recorded(checksums, settings))
    try:
        archive.check_archive(fetched, whole=not known)
    except archive.NotAnArchiveError as error:
        if sha256 == recorded(checksums, settings):  # by a version that did not open downloads
            forget(checksums, settings)
        if settings.is_local:
            file = importlib.import_module(f"unseen.sources.kinds.{settings.kind}").find_file(settings)
            todo = f"remove {file}, put the right file there, then `dvc repro` again"
            raise UserError(f"{file}: {error.why}; {todo}") from None
        again = "it was removed, and `dvc repro` downloads it again; if it happens again, open its page"
        raise UserError(f"{origin(settings)}: the download ({fetched.name}) is {error.why}; {again}") from None


def take_asset(settings: AssetSettings, raw: Path, target: Path) -> None:
    """Extract one file of an archive into the folder `target`, after checking its hash.

    Args:
        settings: member and hash of the file.
        raw: folder of the archive, from `download_archive`.
        target: folder for the file, which keeps its name.

    Raises:
        UserError: the archive has no such member, or the hash differs.
    """
    path, _ = archive_file(raw)
    if not normal(settings.member).rpartition("/")[2].strip("."):
        raise UserError(f"{settings.member}: not the name of a file; correct `member` in params")
    members = archive.members(path, glob.escape(settings.member))
    found = next((member for member in members if member.name == normal(settings.member)), None)
    if found is None or found.refused:
        why = f"{found.refused} ({found.detail})" if found else "not in the archive"
        raise UserError(f"{path.name}: {settings.member}: {why}; correct `member` in params")
    digest = hashlib.sha256(found.data).hexdigest()
    if digest != settings.sha256:
        raise UserError(
            f"{path.name}: {settings.member}: sha256 is {digest}, params say {settings.sha256}; "
            "do not use this file, or correct params if the change is intended"
        )
    with atomic_folder(target) as part:
        (part / Path(settings.member).name).write_bytes(found.data)
