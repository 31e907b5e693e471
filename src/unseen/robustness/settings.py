"""Settings of the robustness measurement."""

from typing import Annotated

from pydantic import AfterValidator, Field

from unseen.core.settings import Name, Settings


def _ascending(levels: list[float]) -> list[float]:
    if len(set(levels)) < len(levels):
        raise ValueError("a level is listed twice; remove one")
    return sorted(levels)


def _not_integer(zoom: float) -> float:
    if float(zoom).is_integer():
        raise ValueError("a zoom must not be an integer, as pixels would not be interpolated; use for instance 1.25")
    return zoom


Unique = AfterValidator(_ascending)
Sigma = Annotated[float, Field(ge=0)]
Part = Annotated[float, Field(gt=0, le=1)]


class ChangeLevels(Settings):
    """Levels of each change; changes that are not listed are not measured."""

    jpeg: Annotated[list[Annotated[int, Field(ge=1, le=100)]], Unique] = Field([], description="quality")
    webp: Annotated[list[Annotated[int, Field(ge=0, le=100)]], Unique] = Field([], description="quality")
    blur: Annotated[list[Annotated[Sigma, Field(le=32)]], Unique] = Field([], description="sigma in pixels")
    noise: Annotated[list[Annotated[Sigma, Field(le=128)]], Unique] = Field([], description="sigma, scale 0 to 255")
    resize: Annotated[list[Part], Unique] = Field([], description="share of the side to downscale to")
    crop: Annotated[list[Part], Unique] = Field([], description="share of the side in a centre crop")
    brightness: Annotated[list[Annotated[float, Field(gt=0, le=8)]], Unique] = Field([], description="factor")
    screenshot: Annotated[list[Annotated[float, Field(ge=0.25, le=4), AfterValidator(_not_integer)]], Unique] = Field(
        [], description="zoom of the display"
    )

    def grid(self) -> list[tuple[str, float]]:
        """Every (change, level), in the order of the fields and ascending levels."""
        return [(name, float(level)) for name in type(self).model_fields for level in getattr(self, name)]


class RobustnessSettings(Settings):
    """Pairs, number of faces and changes of the robustness measurement."""

    pairs: list[Name] = Field([], description="names of evaluated pairs; empty: all pairs")
    faces: int = Field(60, ge=2, description="maximum number of faces of an evaluation set, drawn by the seed")
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
    """A `changes` block in params replaces all defaults: changes that it does not list are not measured."""
