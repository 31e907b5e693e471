"""Settings of preprocessing."""

from pydantic import Field, model_validator

from unseen.core.settings import Settings
from unseen.faces.plain_settings import CENTRE


class JpegSettings(Settings):
    """JPEG quality of stored crops, drawn uniformly from [low, high] for each picture of both classes."""

    low: int = Field(default=75, ge=1, le=100, description="lowest JPEG quality")
    high: int = Field(default=95, ge=1, le=100, description="highest JPEG quality")

    @model_validator(mode="after")
    def _ordered(self) -> "JpegSettings":
        if self.low > self.high:
            raise ValueError("`low` must not be above `high`")
        return self


class DetectSettings(Settings):
    """Settings of the face detector."""

    min_score: float = Field(default=0.5, gt=0, lt=1, description="detection score below which a find does not count")
    side_low: int = Field(
        default=128, ge=32, description="pixels; a picture whose long side is smaller is enlarged to it"
    )
    side_high: int = Field(
        default=640, ge=32, description="pixels; a picture whose long side is larger is reduced to it"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "DetectSettings":
        if self.side_low > self.side_high:
            raise ValueError("`side_low` must not be above `side_high`")
        return self


class FaceSettings(Settings):
    """Settings of preprocessing, the same for real and fake."""

    side: int = Field(
        64, ge=32, le=512, multiple_of=32, description="pixels of a stored crop's side; with `native` the largest"
    )
    native: bool = Field(
        False, description="crops up to `side` keep their pixels and their own side, and only larger ones are resized"
    )
    scale: float = Field(
        1.1,
        gt=0.5,
        le=3,
        description="crop side in units of max(2 x eye distance, 1.8 x eyes to mouth); FFHQ's pictures: 1.87",
    )
    centre: float = Field(
        CENTRE, ge=0, le=1, description="crop's centre between the eyes (0) and the mouth (1); FFHQ's pictures: 0.1"
    )
    min_crop: int = Field(32, ge=8, description="pixels; a face whose crop would be smaller is dropped")
    max_pixels: int = Field(
        100_000_000, ge=10_000, description="pixels; a larger picture is refused before it is decoded"
    )
    detect: DetectSettings = DetectSettings()
    jpeg: JpegSettings = JpegSettings()

    def native_side(self) -> int | None:
        """The largest side of native crops in pixels; None if crops are not native."""
        return self.side if self.native else None
