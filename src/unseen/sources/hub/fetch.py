"""Fetches a model of the block `hub` into a folder: all files or none."""

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.files import atomic_folder, sha256_of
from unseen.core.json_files import write_json
from unseen.sources.hub import refusals
from unseen.sources.hub.client import Hub
from unseen.sources.hub.local import copy_model
from unseen.sources.hub.records import record, recorded_commit, recorded_hashes
from unseen.sources.hub.select import HubFile, Listing, select
from unseen.sources.hub.settings import HubSettings
from unseen.sources.hub.store import CARD, blob_of, is_good, is_offline, keep_listing, kept_file, kept_listing


def _listing(settings: HubSettings, records: Path, scratch: Path) -> Listing:
    found = kept_listing(settings, records, scratch)
    if found is None:
        if is_offline():
            raise refusals.offline(settings.repo)
        found = Hub().listing(settings.repo, settings.revision or recorded_commit(records, settings))
        keep_listing(settings.repo, found, scratch)
    return found


def _checked(path: Path, file: HubFile, settings: HubSettings, recorded: Mapping[str, str]) -> str:
    """The SHA-256 of a downloaded file.

    Raises:
        UserError: it differs from that in params, of the hub, or of the first download. The file is removed.
    """
    found = sha256_of(path)
    for whose, expected in (
        ("params say", settings.sha256.get(file.name, "")),
        ("the hub says", file.sha256),
        ("the first download had", "" if file.name in settings.sha256 else recorded.get(file.name, "")),
    ):
        if expected and expected != found:
            path.unlink()
            raise refusals.other_bytes(settings.repo, file.name, found, expected, whose)
    if file.blob and not file.sha256 and (blob := blob_of(path)) != file.blob:
        path.unlink()
        raise refusals.other_bytes(settings.repo, file.name, blob, file.blob, "as a git object, and the hub says")
    return found


def _check_space(settings: HubSettings, commit: str, missing: Sequence[HubFile], scratch: Path) -> None:
    parts = sum(size for file in missing if (size := _part_bytes(settings, commit, file, scratch)) <= file.length)
    need, free = sum(file.length for file in missing) - parts, shutil.disk_usage(scratch).free
    if need > free:
        raise refusals.too_large(settings.repo, need, free)


def _parts(settings: HubSettings, commit: str, file: HubFile, scratch: Path) -> Path:
    key = hashlib.sha256(f"{settings.repo} {commit} {file.name}".encode()).hexdigest()[:20]
    return scratch / "hub/parts" / key


def _part_bytes(settings: HubSettings, commit: str, file: HubFile, scratch: Path) -> int:
    part = _parts(settings, commit, file, scratch) / "bytes"
    return part.stat().st_size if part.is_file() else 0


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where that is not possible."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _fetched(
    settings: HubSettings, listing: Listing, recorded: Mapping[str, str], scratch: Path
) -> dict[HubFile, Path]:
    """The chosen files, complete and checked, in the scratch folder."""
    chosen = select(settings, listing.files)
    for file in chosen:
        stated = settings.sha256.get(file.name, "")
        if stated and file.sha256 and stated != file.sha256:
            raise UserError(
                f"{settings.repo}: {file.name}: the hub says sha256 {file.sha256}, params say {stated}; do not use "
                "this file, or correct `sha256` or `revision` in params"
            )
    kept = {file: kept_file(file, settings.repo, listing.commit, scratch) for file in chosen}
    missing = [f for f, p in kept.items() if not is_good(p, f, settings.sha256.get(f.name, recorded.get(f.name, "")))]
    if missing and is_offline():
        raise refusals.offline(settings.repo)
    _check_space(settings, listing.commit, missing, scratch)
    hub = Hub() if missing else None
    for file in missing:
        if is_good(kept[file], file, ""):  # another file with the same bytes
            continue
        assert hub
        parts = _parts(settings, listing.commit, file, scratch)
        parts.mkdir(parents=True, exist_ok=True)
        part = hub.fetch(settings.repo, listing.commit, file, parts)
        try:
            _checked(part, file, settings, recorded)
        except UserError:
            shutil.rmtree(parts)  # the next run must not resume from wrong bytes
            raise
        kept[file].parent.mkdir(parents=True, exist_ok=True)
        os.replace(part, kept[file])
        shutil.rmtree(parts)
    return kept


def fetch_model(settings: HubSettings, name: str, target: Path, records: Path, scratch: Path) -> None:
    """Fetch a model of the hub, or copy it from a local folder, into the folder `target`.

    Args:
        settings: settings of the model.
        name: its key in `hub`, for messages.
        target: folder for the files and `hub.json`; it is created atomically.
        records: file of the commit and hashes of the first download.
        scratch: folder that keeps complete files and partial downloads. A later run resumes them, and a run after a
            change of code downloads nothing again.

    Raises:
        UserError: the hub refuses or can't be reached, the disk is full, or a hash differs. `target` is not changed.
    """
    if settings.folder:
        copy_model(settings, name, target, records)
        return
    (scratch / "hub").mkdir(parents=True, exist_ok=True)
    listing = _listing(settings, records, scratch)
    recorded = recorded_hashes(records, settings, listing.commit)
    kept = _fetched(settings, listing, recorded, scratch)
    with atomic_folder(target) as part:
        files = {}
        for file, path in kept.items():
            _link(path, part / file.name)
            files[file.name] = {"bytes": file.length, "sha256": sha256_of(part / file.name)}
        card = {"model": settings.repo, "revision": listing.commit, "license": listing.license, "files": files}
        write_json(part / CARD, card)
    hashes = {file: str(item["sha256"]) for file, item in files.items() if file not in settings.sha256}
    record(records, settings, listing.commit, hashes)
