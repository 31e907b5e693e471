"""What earlier runs left in the scratch folder, and what there is in a local copy. Uses no network."""

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path

from unseen.core.files import sha256_of
from unseen.core.sealed import read_sealed, write_sealed
from unseen.sources.hub.records import recorded_commit
from unseen.sources.hub.select import HubFile, Listing, select
from unseen.sources.hub.settings import HubSettings

CARD = "hub.json"
"""File beside the model's files: `model`, `revision`, `license`, and `files` with their bytes and SHA-256."""


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids downloads."""
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def _listing_file(repo: str, commit: str, scratch: Path) -> Path:
    return scratch / "hub/listings" / hashlib.sha256(f"{repo} {commit}".encode()).hexdigest()[:20]


def kept_listing(settings: HubSettings, records: Path, scratch: Path) -> Listing | None:
    """The files of a model that an earlier run asked for; None if there are none. Uses no network.

    Args:
        settings: settings of the model, with `repo`.
        records: file of the model's records.
        scratch: folder that earlier runs kept files in.
    """
    commit = settings.revision or recorded_commit(records, settings)
    note = read_sealed(_listing_file(settings.repo, commit, scratch), "the hub is asked again") if commit else None
    if note is None:
        return None
    found = json.loads(note)
    return Listing(found["commit"], tuple(HubFile(**file) for file in found["files"]), found["license"])


def keep_listing(repo: str, listing: Listing, scratch: Path) -> None:
    """Keep the list of files of a commit, which never changes, for later runs."""
    file = _listing_file(repo, listing.commit, scratch)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_sealed(file, json.dumps(asdict(listing)).encode())


def kept_file(file: HubFile, repo: str, commit: str, scratch: Path) -> Path:
    """Where a complete file is kept. Its name is that of its bytes, if the hub states a hash of them."""
    other = hashlib.sha256(f"{repo} {commit} {file.name}".encode()).hexdigest()
    return scratch / "hub/files" / (file.sha256 or file.blob or other)


def blob_of(path: Path) -> str:
    """git's hash of a file."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def is_good(path: Path, file: HubFile, expected: str) -> bool:
    """Whether a kept file has the expected bytes, as far as they are known."""
    if not path.is_file() or path.stat().st_size != file.length:
        return False
    known = expected or file.sha256
    return sha256_of(path) == known if known else bool(file.blob) and blob_of(path) == file.blob


def missing_bytes(settings: HubSettings, records: Path, scratch: Path) -> float | None:
    """Bytes of a model of the hub that are still to be downloaded; None if not known. Uses no network."""
    found = kept_listing(settings, records, scratch)
    if found is None:
        return None
    return sum(
        file.length
        for file in select(settings, found.files)
        if not kept_file(file, settings.repo, found.commit, scratch).is_file()
    )


def local_files(folder: Path) -> list[HubFile]:
    """The files of a local copy, with their sizes. Hidden files and folders are skipped."""
    found = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and path.name != CARD and not any(part.startswith(".") for part in relative.parts):
            found.append(HubFile(relative.as_posix(), path.stat().st_size))
    return found
