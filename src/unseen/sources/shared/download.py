"""Fetch an archive, check it, and keep it as it came; take one model file out of an archive."""

import glob
import hashlib
import importlib
import os
import shutil
from pathlib import Path
from typing import Any

from unseen.core.errors import UserError
from unseen.core.files import atomic_folder, read_json, sha256_of, write_json
from unseen.core.picture_names import normal
from unseen.core.recovery import advice
from unseen.sources.shared import archive
from unseen.sources.shared.checksums import forget, origin, recorded, verify
from unseen.sources.shared.settings import ArchiveSettings, AssetSettings


def archive_file(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The archive that `download` left in a folder, and its card: `file`, `sha256`, `bytes`, `origin`.

    Raises:
        UserError: there is none.
    """
    try:
        card = read_json(folder / "archive.json")
    except FileNotFoundError:
        raise UserError(f"{folder}: no archive here; {advice(folder)}") from None
    return folder / card["file"], card


def _kept(store: Path, settings: ArchiveSettings, checksums: Path) -> Path | None:
    """An archive with the expected hash that an earlier run fetched and that is still whole.

    One that is no archive, which a version that did not look has recorded, is removed and its hash forgotten.
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
    """Remember the archive for a later run. A link, so that it takes no room while DVC keeps the same file."""
    kept = store / sha256 / fetched.name
    shutil.rmtree(kept.parent, ignore_errors=True)  # a damaged one
    kept.parent.mkdir(parents=True)
    try:
        os.link(fetched, kept)
    except OSError:
        kept.parent.rmdir()  # another file system, or one without links: then it is fetched again


def download_archive(settings: ArchiveSettings, target: Path, checksums: Path, scratch: Path) -> None:
    """Put the archive, as it came, and its card into the folder `target`.

    Args:
        settings: where it comes from.
        target: receives the archive and `archive.json`; it appears whole, at the end.
        checksums: file that keeps hashes seen at first sight.
        scratch: keeps parts of a broken download, to go on from, and archives that were fetched before: an edit of
            the code runs this again, and nobody should fetch gigabytes again for that.

    Raises:
        UserError: it can't be had, or its hash differs.
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
            shutil.rmtree(parts, ignore_errors=True)  # the next run must not go on from the same wrong bytes
            raise
        card = {"file": fetched.name, "sha256": sha256, "bytes": fetched.stat().st_size, "origin": origin(settings)}
        write_json(part / "archive.json", card)
        if not kept and not settings.is_local:
            _keep(store, fetched, sha256)
    shutil.rmtree(parts, ignore_errors=True)


def _check(fetched: Path, settings: ArchiveSettings, checksums: Path, sha256: str) -> None:
    """Open what came, before its hash is recorded: a web page or half a file must not be what is expected later.

    Raises:
        UserError: it is no archive; says what it is, and what to do. Its hash is not recorded, or no longer.
    """
    known = sha256 in (settings.sha256, recorded(checksums, settings))
    try:
        archive.check_archive(fetched, whole=not known)
    except archive.NotAnArchiveError as error:
        if sha256 == recorded(checksums, settings):  # by a version that did not look
            forget(checksums, settings)
        if settings.is_local:
            file = importlib.import_module(f"unseen.sources.kinds.{settings.kind}").located(settings)
            todo = f"remove {file}, put the right file there, then `dvc repro` again"
            raise UserError(f"{file}: {error.why}; {todo}") from None
        again = "nothing of it was kept, and `dvc repro` fetches it again; if the same comes, look at its page"
        raise UserError(f"{origin(settings)}: what came ({fetched.name}) is {error.why}; {again}") from None


def take_asset(settings: AssetSettings, raw: Path, target: Path) -> None:
    """Put one checked file of an archive into the folder `target`, under its own name.

    Args:
        settings: which file.
        raw: the archive's folder, from `download_archive`.
        target: receives the file.

    Raises:
        UserError: the archive has no such member, or its hash differs.
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
            "do not use this file, or correct params if the change is meant"
        )
    with atomic_folder(target) as part:
        (part / Path(settings.member).name).write_bytes(found.data)
