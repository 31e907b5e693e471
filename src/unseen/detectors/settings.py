"""The knobs of a detector, and of the frozen numbers that come with it."""

from typing import Annotated, Literal

from pydantic import Field

from unseen.settings import DataFolder, Settings


class TrainOn(Settings):
    """Which folders below data a detector sees, groups or single sets; all in them must be `use: train`."""

    reals: DataFolder
    fakes: DataFolder


class AugmentSettings(Settings):
    """Training pictures, real and fake alike, are flipped, blurred and compressed (Wang et al. 2020,
    arXiv 1912.11035: without blur and JPEG a detector is at chance on generators it has not seen)."""

    blur: float = Field(ge=0, le=1, description="probability of a Gaussian blur")
    blur_sigma: float = Field(ge=0, le=10, description="pixels; sigma is drawn evenly from [0, this]")
    jpeg: float = Field(ge=0, le=1, description="probability of another JPEG encode")
    jpeg_low: int = Field(ge=1, le=95, description="quality is drawn evenly from [this, 95]")


class NetworkSettings(Settings):
    """A neural detector, fitted by gradient descent on balanced batches."""

    kind: Literal["efficientnet_lite0", "discriminator"] = Field(description="file below src/unseen/detectors")
    weights: str = Field(
        pattern=r"^(assets|gans)/[a-z0-9_]+$", description="folder below models that training starts from"
    )
    train_on: TrainOn
    input_size: int = Field(ge=32, le=512, multiple_of=32, description="pixels the network sees; crops are resized")
    steps: int = Field(ge=1, description="optimizer steps")
    frozen_steps: int = Field(ge=0, description="first steps, in which only the head's weights are trained")
    batch: int = Field(ge=2, multiple_of=2, description="pictures a step, half of them real")
    learning_rate: float = Field(gt=0, lt=1, description="AdamW's, falling to 0 along a half cosine")
    weight_decay: float = Field(ge=0, lt=1)
    validate_every: int = Field(ge=1, description="steps; the weights with the lowest validation loss are kept")
    augment: AugmentSettings


class LogisticSettings(Settings):
    """A logistic regression on features that are computed and not learned."""

    kind: Literal["dct_logistic"] = Field(description="file below src/unseen/detectors")
    weights: Literal["none"] = Field(description="it starts from nothing")
    train_on: TrainOn
    penalty: float = Field(gt=0, description="strength of the L2 penalty (scikit-learn's 1 / C)")


DetectorSettings = Annotated[NetworkSettings | LogisticSettings, Field(discriminator="kind")]


class CalibrationSettings(Settings):
    """What is frozen on validation people of the training domain, before anything held out is opened."""

    max_fpr: float = Field(gt=0, lt=1, description="largest share of validation reals that may be called fake")
    unsure_tail: float = Field(
        gt=0,
        lt=0.5,
        description="share of either class's validation scores beyond the edges of the unsure band",
    )
