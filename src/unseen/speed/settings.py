"""How the speed of detectors is measured."""

from typing import Annotated

from pydantic import AfterValidator, Field

from unseen.core.settings import Name, Settings


def _once(batches: list[int]) -> list[int]:
    if len(set(batches)) < len(batches):
        raise ValueError("a batch is there twice")
    return sorted(batches)


class SpeedSettings(Settings):
    """How often a detector is called, and on what."""

    set: Name = Field(description="evaluation set of real people whose faces are looked at")
    batches: Annotated[
        list[Annotated[int, Field(ge=1, le=1024)]],
        Field(min_length=1, description="pictures of one call"),
        AfterValidator(_once),
    ]
    seconds: float = Field(gt=0, le=600, description="each is called for so long")
    repeats: int = Field(ge=1, le=10_000, description="and so often at least")
    pictures: int = Field(ge=1, description="different pictures at most")
    side: int = Field(ge=64, le=4096, description="pixels of a picture's side; its face fills the middle half")
