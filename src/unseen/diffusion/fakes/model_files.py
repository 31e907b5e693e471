"""What is known of the files of a model: their hash, and the revision that they are of."""

import hashlib
from pathlib import Path

from unseen.core.files import sha256_of
from unseen.core.json_files import read_json

CARD = "hub.json"
"""What the stage `hub` writes beside a model's files: repository, revision and hashes."""


def revision_of(folder: Path) -> str:
    """The commit of a model's repository, or `local` for a copy of the user."""
    card = folder / CARD
    return str(read_json(card).get("revision") or "local") if card.is_file() else "local"


def files_hash(path: Path) -> str:
    """A hash of the names and bytes of all files in a folder, or of one file."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    known = [f"{file.relative_to(path)} {sha256_of(file)}" for file in files]
    return hashlib.sha256("\n".join(known).encode()).hexdigest()
