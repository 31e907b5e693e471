"""How much is looked at when a detector is explained."""

from pydantic import Field

from unseen.core.settings import OptionalAssetFolder, Settings


class ExplanationSettings(Settings):
    """Of each outcome on each generator and source of reals."""

    pictures: int = Field(4, ge=1, le=12, description="the most confident decisions that are shown")
    measured: int = Field(30, ge=1, description="decisions whose heat is measured, drawn evenly")
    weights: OptionalAssetFolder = Field(
        description="network whose features say which training faces are near a misclassified one; none for no search"
    )
    searched: int = Field(4000, ge=1, description="training faces that are searched at most, drawn evenly")
    spectra: int = Field(500, ge=1, description="pictures a mean spectrum is of at most, drawn evenly")
