"""Sets that measure and never train, whoever asks: what many people measure on is worth nothing once it has trained.

They are known by the name of their archive and by the names of their pictures, so that a copy in a folder of
one's own is known as well.
"""

import re
from dataclasses import dataclass

from unseen.core.errors import UserError
from unseen.sources.shared.settings import Origin, SourceSettings


@dataclass(frozen=True)
class Reserved:
    """A set that is held out for good: its name, and what gives its archive and its pictures away."""

    name: str
    archive: str
    picture: str


RESERVED = (
    Reserved("Chicago Face Database", r"chicagofaces\.org", r"(^|/)CFD-[A-Z]{2}-\d{3}-\d{3}-"),
    Reserved("SFHQ", r"synthetic-faces-high-quality-sfhq", r"(^|/)SFHQ_pt\d_\d+"),
    Reserved("SFHQ-T2I", r"sfhq[-_]t2i", r"(^|/)(FLUX1_(pro|dev|schnell)|SDXL|DALLE3)_image_\d{7}"),
)


def _refuse(found: Reserved, source: str) -> UserError:
    return UserError(
        f"params: `sources.{source}.use` is 'train', but this is {found.name}, which is held out for good; set "
        f"`sources.{source}.use: held_out`, or give the reason in `sources.{source}.train_anyway` (the report prints "
        "it in red)"
    )


def check_archive(source: str, settings: SourceSettings, archive: Origin) -> None:
    """Refuse a source that trains on an archive which is held out for good.

    Raises:
        UserError: it does, and gives no reason in `train_anyway`.
    """
    if settings.use == "train" and not settings.train_anyway:
        address = " ".join(str(value) for value in archive.model_dump().values())
        for found in RESERVED:
            if re.search(found.archive, address, re.IGNORECASE):
                raise _refuse(found, source)


def check_picture(source: str, settings: SourceSettings, name: str) -> None:
    """Refuse a source that trains on a picture whose name is that of a set which is held out for good.

    Raises:
        UserError: as `check_archive`.
    """
    if settings.use == "train" and not settings.train_anyway:
        for found in RESERVED:
            if re.search(found.picture, name, re.IGNORECASE):
                raise _refuse(found, source)
