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
        Field(min_length=1),
        AfterValidator(_once),
    ] = Field([1, 32], description="pictures of one call")
    seconds: float = Field(0.5, gt=0, le=600, description="how long each batch size is repeated")
    repeats: int = Field(3, ge=1, le=10_000, description="calls of each batch size, at least")
    pictures: int = Field(32, ge=1, description="different pictures at most")
    side: int = Field(256, ge=64, le=4096, description="pixels of a picture's side; its face fills the middle half")
