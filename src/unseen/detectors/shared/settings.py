"""The settings that several kinds of detector share, and those of calibration.

The settings of one kind stand in its file, `unseen/detectors/kinds/KIND.py`, as `class Settings`. Every knob with a
sensible default has one here or there: that of the default run (params.yaml), unless the kind needs another.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from unseen.core.settings import DataFolder, Settings

Share = Annotated[float, Field(ge=0, le=1)]

Backbone = Annotated[str, Field(pattern=r"^\w+(\.\w+)?$", description="timm's name; a tag after a dot is for `hub`")]

InputSize = Annotated[
    int, Field(ge=32, le=512, multiple_of=32, description="pixels the network sees; crops are resized")
]

FrozenSteps = Annotated[int, Field(ge=0, description="first steps, in which only the head is trained")]

Dropout = Annotated[float, Field(ge=0, lt=1, description="dropout before the last layer")]


class TrainOn(Settings):
    """Which folders below data a detector sees, groups or single sets; all in them must be `use: train`."""

    reals: DataFolder
    fakes: DataFolder


class AugmentSettings(Settings):
    """Training pictures, real and fake alike, are mirrored, and changed in these ways, each with a probability of its
    own. By default they are blurred and encoded as JPEG, each with probability 0.5, and nothing else is done: without
    these two a detector is at chance on generators it has not seen (Wang et al. 2020, arXiv 1912.11035)."""

    turn: Share = Field(0.0, description="probability of a turn by 90, 180 or 270 degrees")
    move: Share = Field(0.0, description="probability of a small turn and a shift; the edge is filled by its mirror")
    move_degrees: float = Field(15.0, ge=0, le=45, description="largest turn, either way")
    move_shift: float = Field(0.1, ge=0, le=0.2, description="largest shift, in units of the picture's side")
    jitter: Share = Field(0.0, description="probability of another brightness, contrast, saturation and hue")
    jitter_strength: Share = Field(0.2, description="largest share by which each changes; hue by a quarter of it")
    resize: Share = Field(0.0, description="probability of a way down to a smaller size and back up")
    resize_low: float = Field(0.5, gt=0, le=1, description="smallest size, in units of the picture's side")
    blur: Share = Field(0.5, description="probability of a Gaussian blur")
    blur_sigma: float = Field(1.5, ge=0, le=10, description="pixels; sigma is drawn evenly from [0, this]")
    noise: Share = Field(0.0, description="probability of Gaussian noise")
    noise_sigma: float = Field(8.0, ge=0, le=64, description="of 255; sigma is drawn evenly from [0, this]")
    jpeg: Share = Field(0.5, description="probability of another JPEG encode")
    jpeg_low: int = Field(30, ge=1, le=95, description="quality is drawn evenly from [this, 95]")
    cutout: Share = Field(0.0, description="probability of a grey square somewhere")
    cutout_side: Share = Field(0.4, description="its largest side, in units of the picture's")


class MixSettings(Settings):
    """Fakes that are real in part: a twin is mixed with its real and stays a fake (Chen et al. 2025, arXiv
    2505.14359). Needs `paired`."""

    pixels: Share = Field(0.3, description="probability that pixels are averaged")
    frequencies: Share = Field(0.2, description="probability that cosine coefficients are exchanged at random")
    most: Share = Field(0.8, description="the real's share is drawn evenly from [0, this]")


class ElaSettings(Settings):
    """Error level analysis: a network sees the difference between a picture and its re-saved JPEG (Krawetz 2007)."""

    quality: int = Field(90, ge=1, le=100, description="of the re-saved JPEG")
    scale: float = Field(15.0, gt=0, le=255, description="the difference is multiplied by it, and cut at 255")


class FittedSettings(Settings):
    """The settings that every kind of detector has.

    A kind declares here what the check of params must know about it, so that no check lists kinds:

    Attributes:
        starts_from: `weights` may be `none`, `hub` or a folder of assets; or, with `gans`, a GAN of params and
            nothing else. A GAN whose fakes are held out is refused.
        network: timm's name of the network, where the kind has one and no knob `backbone`. It says which weights
            `weights: hub` fetches.
        sees_stored_crops: nothing is resized, so `input_size` must be `faces.side`.
        attributes_knob: the name of the knob that lists attributes of faces. Some real and some fake set that the
            detector trains on must have all of them.
    """

    starts_from: ClassVar[Literal["assets", "gans"]] = "assets"
    network: ClassVar[str] = ""
    sees_stored_crops: ClassVar[bool] = False
    attributes_knob: ClassVar[str] = ""

    kind: str = Field(description="file below src/unseen/detectors/kinds")
    weights: str = Field(
        pattern=r"^(none|hub|(assets|gans)/[a-z0-9_]+)$",
        description="folder below models that training starts from; or `hub` for timm's own; or `none`, untrained",
    )
    train_on: TrainOn
    seed: int = Field(0, ge=0, description="added to the run's: another start and order on the same people")

    def network_name(self) -> str:
        """timm's name of its network: the knob `backbone` or `network`; empty where there is none."""
        return getattr(self, "backbone", self.network)


class NetworkSettings(FittedSettings):
    """A neural detector, fitted by gradient descent on balanced batches."""

    input_size: InputSize = 64
    ela: ElaSettings | None = Field(None, description="the network sees the error levels and not the picture")
    dropout: Dropout = 0.0
    steps: int = Field(200, ge=1, description="optimizer steps, at most")
    frozen_steps: FrozenSteps = 20
    frozen_learning_rate: float | None = Field(None, gt=0, lt=1, description="of those steps, where it is another")
    batch: int = Field(32, ge=2, multiple_of=2, description="pictures a step, over all GPUs, half of them real")
    optimizer: Literal["adamw", "adam", "sgd"] = Field("adamw", description="sgd has a momentum of 0.9")
    learning_rate: float = Field(0.0005, gt=0, lt=1)
    schedule: Literal["cosine", "constant", "plateau"] = Field(
        "cosine",
        description="to 0 over all steps; or 10 times lower after `patience` / 2 validations without improvement",
    )
    weight_decay: float = Field(0.01, ge=0, lt=1)
    validate_every: int = Field(20, ge=1, description="steps; the weights with the lowest validation loss are kept")
    patience: int = Field(
        0,
        ge=0,
        description="validations without improvement, after the frozen steps, that end training; 0 for never",
    )
    paired: bool = Field(False, description="a fake that is a real's twin stands in a batch with that real")
    mix: MixSettings | None = None
    augment: AugmentSettings = AugmentSettings.model_validate({})

    @model_validator(mode="after")
    def _consistent(self) -> "NetworkSettings":
        if self.schedule == "plateau" and self.patience < 2:
            raise ValueError("`schedule: plateau` needs a `patience` of 2 or more")
        if self.frozen_learning_rate is not None and not self.frozen_steps:
            raise ValueError("`frozen_learning_rate` is of the `frozen_steps`, and there are none")
        if self.mix and not self.paired:
            raise ValueError("`mix` mixes a fake with its real: it needs `paired: true`")
        return self


class LastLayersSettings(NetworkSettings):
    """A network of which only the last layers are trained."""

    last_layers: int | None = Field(
        None, ge=1, description="layers at the backbone's end that learn after the frozen steps, as Keras counts them"
    )


class NativeSettings(NetworkSettings):
    """A network that looks for traces which a resize would remove: it sees stored crops as they are."""

    sees_stored_crops: ClassVar[bool] = True

    input_size: InputSize = Field(64, description="must be `faces.side`: nothing is resized")

    @model_validator(mode="after")
    def _native(self) -> "NativeSettings":
        if self.ela:
            raise ValueError(f"`kind: {self.kind}` sees pixels as they are: no `ela`")
        return self


class CalibrationSettings(Settings):
    """What is frozen on validation people of the training domain, before anything held out is opened."""

    max_fpr: float = Field(0.05, gt=0, lt=1, description="largest share of validation reals that may be called fake")
    unsure_tail: float = Field(
        0.01,
        gt=0,
        lt=0.5,
        description="share of either class's validation scores beyond the edges of the unsure band",
    )
