"""Common test sets that are always held out, since training on them makes results on them meaningless.

They are recognised by the address of the archive and by the names of pictures, so that copies are recognised too.
"""

import re
from dataclasses import dataclass

from unseen.core.errors import UserError
from unseen.sources.shared.settings import Origin, SourceSettings


@dataclass(frozen=True)
class Reserved:
    """A set that is always held out: its name, and patterns for the archive's address and pictures' names."""

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
        f"params: `sources.{source}.use` is 'train', but this is {found.name}, which is always held out; set "
        f"`sources.{source}.use: held_out`, or state a reason in `sources.{source}.train_anyway` (the report prints "
        "it in red)"
    )


def check_archive(source: str, settings: SourceSettings, archive: Origin) -> None:
    """Check that a source does not train on an archive that is always held out.

    Raises:
        UserError: it does, without a reason in `train_anyway`.
    """
    if settings.use == "train" and not settings.train_anyway:
        address = " ".join(str(value) for value in archive.model_dump().values())
        for found in RESERVED:
            if re.search(found.archive, address, re.IGNORECASE):
                raise _refuse(found, source)


def check_picture(source: str, settings: SourceSettings, name: str) -> None:
    """Check that a source does not train on a picture with the name of a set that is always held out.

    Raises:
        UserError: it does, without a reason in `train_anyway`.
    """
    if settings.use == "train" and not settings.train_anyway:
        for found in RESERVED:
            if re.search(found.picture, name, re.IGNORECASE):
                raise _refuse(found, source)
