"""Settings of the explanations."""

from typing import Literal

from pydantic import Field

from unseen.core.settings import Settings


class ExplanationSettings(Settings):
    """Numbers of decisions for each outcome on each generator and source of reals, and of faces to compare."""

    pictures: int = Field(4, ge=1, le=12, description="number of most confident decisions to show")
    measured: int = Field(30, ge=1, description="maximum number of decisions with measured heat")
    weights: Literal["assets/efficientnet_lite1", "none"] = Field(
        "assets/efficientnet_lite1",
        description="network for the nearest training faces of misclassified ones; none: no search",
    )
    searched: int = Field(4000, ge=1, description="maximum number of training faces to search")
    spectra: int = Field(500, ge=1, description="maximum number of pictures of a mean spectrum")
