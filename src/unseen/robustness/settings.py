"""Which changes detectors are measured under, and how far they go."""

from typing import Annotated

from pydantic import AfterValidator, Field

from unseen.core.settings import Name, Settings


def _ascending(levels: list[float]) -> list[float]:
    if len(set(levels)) < len(levels):
        raise ValueError("a level is there twice")
    return sorted(levels)


def _no_whole_number(zoom: float) -> float:
    if float(zoom).is_integer():
        raise ValueError("a zoom is no whole number, or no pixel falls between others")
    return zoom


Unique = AfterValidator(_ascending)
Sigma = Annotated[float, Field(ge=0)]
Part = Annotated[float, Field(gt=0, le=1)]


class ChangeLevels(Settings):
    """For each change the levels it is measured at; a change that is not named is not measured."""

    jpeg: Annotated[list[Annotated[int, Field(ge=1, le=100)]], Unique] = Field([], description="quality")
    webp: Annotated[list[Annotated[int, Field(ge=0, le=100)]], Unique] = Field([], description="quality")
    blur: Annotated[list[Annotated[Sigma, Field(le=32)]], Unique] = Field([], description="sigma in pixels")
    noise: Annotated[list[Annotated[Sigma, Field(le=128)]], Unique] = Field([], description="sigma, of 255")
    resize: Annotated[list[Part], Unique] = Field([], description="share of the side on the way down and back")
    crop: Annotated[list[Part], Unique] = Field([], description="share of the side that is kept, in the middle")
    brightness: Annotated[list[Annotated[float, Field(gt=0, le=8)]], Unique] = Field([], description="factor")
    screenshot: Annotated[list[Annotated[float, Field(ge=0.25, le=4), AfterValidator(_no_whole_number)]], Unique] = (
        Field([], description="zoom at which the picture was shown")
    )

    def grid(self) -> list[tuple[str, float]]:
        """Every (change, level), in the order of the fields above and of rising levels."""
        return [(name, float(level)) for name in type(self).model_fields for level in getattr(self, name)]


class RobustnessSettings(Settings):
    """The same faces clean and changed, judged at the thresholds that were frozen on clean ones."""

    pairs: list[Name] = Field([], description="names of evaluated pairs; empty: all of them")
    faces: int = Field(60, ge=2, description="of each evaluation set at most, drawn by the seed")
    changes: ChangeLevels = ChangeLevels(
        jpeg=[30, 50, 70, 90],
        webp=[30, 50, 80],
        blur=[0.5, 1.0, 2.0],
        noise=[2.0, 5.0, 10.0],
        resize=[0.25, 0.5, 0.75],
        crop=[0.8, 0.9],
        brightness=[0.7, 1.3],
        screenshot=[0.75, 1.37],
    )
    """The block is taken as a whole: where it is written, a change that it does not name is not measured."""
