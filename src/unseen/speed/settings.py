"""Settings of the speed measurement."""

from typing import Annotated

from pydantic import AfterValidator, Field

from unseen.core.settings import Name, Settings


def _once(batches: list[int]) -> list[int]:
    if len(set(batches)) < len(batches):
        raise ValueError("a batch size is listed twice; remove one")
    return sorted(batches)


class SpeedSettings(Settings):
    """Faces, batch sizes and number of calls of the speed measurement."""

    set: Name = Field(description="evaluation set of reals whose faces are used")
    batches: Annotated[
        list[Annotated[int, Field(ge=1, le=1024)]],
        Field(min_length=1),
        AfterValidator(_once),
    ] = Field([1, 32], description="batch sizes, in pictures")
    seconds: float = Field(0.5, gt=0, le=600, description="minimum time of each measurement")
    repeats: int = Field(3, ge=1, le=10_000, description="minimum number of calls of each measurement")
    pictures: int = Field(32, ge=1, description="maximum number of different pictures")
    side: int = Field(256, ge=64, le=4096, description="side of a picture in pixels; the face fills its middle half")
