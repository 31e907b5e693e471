"""Settings shared by detector kinds, and settings of calibration.

The settings of one kind are `class Settings` in its file, `unseen/detectors/kinds/KIND.py`. Defaults are those of the
default run (params.yaml), unless a kind needs others.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from unseen.core.settings import DataFolder, FakesFolder, Settings

Share = Annotated[float, Field(ge=0, le=1)]

Backbone = Annotated[
    str, Field(pattern=r"^\w+(\.\w+)?$", description="timm's name, with or without a tag of weights")
]

InputSize = Annotated[
    int, Field(ge=32, le=512, multiple_of=32, description="pixels the network sees; crops are resized")
]

FrozenSteps = Annotated[int, Field(ge=0, description="first steps, in which only the head is trained")]

Dropout = Annotated[float, Field(ge=0, lt=1, description="dropout before the last layer")]


class TrainOn(Settings):
    """Folders that a detector trains on, of one or many sets; all sets must have `use: train`."""

    reals: DataFolder = Field(description="folder of real faces")
    fakes: FakesFolder = Field(description="folder of fakes; `all_fakes/GROUP` for sources and own fakes together")


class AugmentSettings(Settings):
    """Augmentation of training pictures, real and fake alike. All are mirrored with probability 0.5. The defaults are
    blur and JPEG: without these a detector is at chance on held-out generators (Wang et al. 2020, arXiv
    1912.11035)."""

    turn: Share = Field(0.0, description="probability of a rotation by 90, 180 or 270 degrees")
    move: Share = Field(0.0, description="probability of a small rotation and a shift; edges are mirrored")
    move_degrees: float = Field(15.0, ge=0, le=45, description="largest rotation in either direction")
    move_shift: float = Field(0.1, ge=0, le=0.2, description="largest shift, in units of the picture's side")
    jitter: Share = Field(0.0, description="probability of a change of brightness, contrast, saturation and hue")
    jitter_strength: Share = Field(0.2, description="largest relative change of each; a quarter of it for hue")
    resize: Share = Field(0.0, description="probability of downsampling and upsampling back")
    resize_low: float = Field(0.5, gt=0, le=1, description="smallest size, in units of the picture's side")
    rescale: Share = Field(
        0.0,
        description="probability of a resize with one of six kernels; half of them reduce the picture and enlarge it "
        "back, half enlarge it and crop it at random",
    )
    rescale_low: float = Field(0.2, gt=0, le=1, description="smallest factor of `rescale`")
    rescale_high: float = Field(3.5, ge=1, le=8, description="largest factor of `rescale`")
    blur: Share = Field(0.5, description="probability of a Gaussian blur")
    blur_sigma: float = Field(1.5, ge=0, le=10, description="pixels; sigma is uniform in [0, this]")
    noise: Share = Field(0.0, description="probability of Gaussian noise")
    noise_sigma: float = Field(8.0, ge=0, le=64, description="of 255; sigma is uniform in [0, this]")
    jpeg: Share = Field(0.5, description="probability of another JPEG compression")
    jpeg_low: int = Field(30, ge=1, le=95, description="quality is uniform in [this, 95]")
    webp: Share = Field(0.0, description="share of these compressions that are WebP, of the same quality")
    cutout: Share = Field(0.0, description="probability of a grey square at a random position")
    cutout_side: Share = Field(0.4, description="largest side of the square, in units of the picture's side")


class MixSettings(Settings):
    """Mixing of twins with their reals; the result is labelled fake (Chen et al. 2025, arXiv 2505.14359). Needs
    `paired`."""

    pixels: Share = Field(0.3, description="probability of a weighted average of pixels")
    frequencies: Share = Field(0.2, description="probability of exchanging random DCT coefficients")
    most: Share = Field(0.8, description="share of the real is uniform in [0, this]")


class ConsistencySettings(Settings):
    """A loss on the difference between the features and outputs of a picture with and without degradations: cosine
    distance and symmetric Kullback-Leibler divergence (Yang et al. 2026, arXiv 2604.10102)."""

    weight: float = Field(0.5, gt=0, description="weight of the sum of both; other losses keep theirs")


class ElaSettings(Settings):
    """Error level analysis: the input is the difference between a picture and its re-saved JPEG (Krawetz 2007)."""

    quality: int = Field(90, ge=1, le=100, description="quality of the re-saved JPEG")
    scale: float = Field(15.0, gt=0, le=255, description="factor of the difference, which is clipped at 255")


class FittedSettings(Settings):
    """Settings of every detector kind. The class attributes tell the check of params what a kind requires.

    Attributes:
        fits_weights: false for a kind that only loads weights, whose temperature and threshold alone are fitted.
        starts_from: with `assets`, `weights` may be `none`, a folder of assets or of the hub; with `gans` it must be
            a GAN of params whose fakes are not held out.
        network: timm's name of the network, for a kind without a knob `backbone`.
        sees_stored_crops: crops are not resized, so `input_size` must equal `faces.side`, or `view` is `crop`.
        attributes_knob: name of the knob that lists attributes of faces. At least one real and one fake training set
            must have all of them.
    """

    fits_weights: ClassVar[bool] = True
    starts_from: ClassVar[Literal["assets", "gans"]] = "assets"
    network: ClassVar[str] = ""
    sees_stored_crops: ClassVar[bool] = False
    attributes_knob: ClassVar[str] = ""

    kind: str = Field(description="file below src/unseen/detectors/kinds")
    weights: str = Field(
        pattern=r"^(none|hub|(assets|gans|hub)/[a-z0-9_]+)$",
        description="initial weights, a folder below models such as assets/NAME or hub/NAME; or `none`, random",
    )
    train_on: TrainOn
    seed: int = Field(0, ge=0, description="added to the run's seed; splits do not change")

    def network_name(self) -> str:
        """timm's name of the network, from the knob `backbone` or from `network`; may be empty."""
        return getattr(self, "backbone", self.network)

    def one_side_problem(self) -> str:
        """Why the kind can't see the crops of native sets, and what to do; empty if it can."""
        if not hasattr(self, "input_size"):
            return f"`kind` is {self.kind!r}, which needs crops of one side: set `faces.native: false`, or remove it"
        if self.sees_stored_crops and getattr(self, "view", "resize") != "crop":
            return f"`view` is 'resize', but a {self.kind} sees pixels that are not resized: set `view: crop`"
        return ""


class NetworkSettings(FittedSettings):
    """Settings of a neural detector, trained by gradient descent on balanced batches."""

    input_size: InputSize = 64
    view: Literal["resize", "crop"] = Field(
        "resize",
        description="resize: crops are resized to `input_size`; crop: they are cut to it at random places while "
        "training and in the centre when scoring, and smaller ones are repeated",
    )
    views: Literal[1, 5] = Field(
        1, description="with `view: crop`, crops when scoring: the centre, or also the corners"
    )
    ela: ElaSettings | None = Field(None, description="error level analysis in place of the picture")
    dropout: Dropout = 0.0
    steps: int = Field(200, ge=1, description="largest number of optimizer steps")
    frozen_steps: FrozenSteps = 20
    frozen_learning_rate: float | None = Field(None, gt=0, lt=1, description="in those steps, if different")
    batch: int = Field(32, ge=2, multiple_of=2, description="pictures per step on all GPUs; half are real")
    optimizer: Literal["adamw", "adam", "sgd"] = Field("adamw", description="sgd has a momentum of 0.9")
    learning_rate: float = Field(0.0005, gt=0, lt=1, description="largest learning rate of the optimizer")
    schedule: Literal["cosine", "constant", "plateau"] = Field(
        "cosine",
        description="cosine: to 0; plateau: a tenth after `patience` / 2 validations without improvement",
    )
    weight_decay: float = Field(0.01, ge=0, lt=1, description="weight decay of the optimizer")
    validate_every: int = Field(
        20, ge=1, description="steps between validations; the weights with the lowest loss are kept"
    )
    patience: int = Field(
        0,
        ge=0,
        description="validations without improvement, after the frozen steps, that end training; 0 for never",
    )
    paired: bool = Field(False, description="put a twin, or an image-to-image fake, and its real in the same batch")
    mix: MixSettings | None = Field(None, description="mixing of twins with their reals; `{}` for its defaults")
    consistency: ConsistencySettings | None = Field(
        None, description="loss between a picture with and without degradations; `{}` for its defaults"
    )
    augment: AugmentSettings = AugmentSettings.model_validate({})

    @model_validator(mode="after")
    def _consistent(self) -> "NetworkSettings":
        if self.schedule == "plateau" and self.patience < 2:
            raise ValueError("`schedule: plateau` needs a `patience` of 2 or more")
        if self.frozen_learning_rate is not None and not self.frozen_steps:
            raise ValueError("`frozen_learning_rate` needs `frozen_steps` above 0")
        if self.views > 1 and self.view != "crop":
            raise ValueError("`views: 5` needs `view: crop`")
        if self.mix and not self.paired:
            raise ValueError("`mix` needs `paired: true`")
        return self


class LastLayersSettings(NetworkSettings):
    """Settings of a network whose last layers are trained."""

    last_layers: int | None = Field(
        None, ge=1, description="last layers, as Keras counts, to train after the frozen steps; all if not given"
    )


class NativeSettings(NetworkSettings):
    """Settings of a network that sees pixels that are not resized, because a resize would remove traces."""

    sees_stored_crops: ClassVar[bool] = True

    input_size: InputSize = Field(64, description="must equal `faces.side`, unless `view` is `crop`")

    @model_validator(mode="after")
    def _native(self) -> "NativeSettings":
        if self.ela:
            raise ValueError(f"`kind: {self.kind}` sees unmodified pixels: no `ela`")
        return self


class CalibrationSettings(Settings):
    """Settings of threshold and unsure band, which are fitted on validation faces of the training domain."""

    max_fpr: float = Field(0.05, gt=0, lt=1, description="largest FPR on validation reals")
    unsure_tail: float = Field(
        0.01,
        gt=0,
        lt=0.5,
        description="share of each class's validation scores beyond the edges of the unsure band",
    )
