"""Sources and archives of a few files, for tests of what becomes of them."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from unseen.sources.settings import SourceSettings
from unseen.splits import SplitSettings

SHARES = SplitSettings(val=0.2, test=0.2)
SEED = 4


def source(**changed: Any) -> SourceSettings:
    """A source of real people who are told apart by their folder, `s1`, `s2` and so on."""
    block = {"archive": "faces", "group": "people", "use": "train", "label": "real", "identity": "(s[0-9]+)/"}
    return SourceSettings.model_validate(block | changed)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    """A zip archive of these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
