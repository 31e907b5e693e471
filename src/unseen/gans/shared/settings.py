"""Settings shared by all GANs, and settings of a set of fakes. Further settings of an architecture are in its file in
`gans/architectures`."""

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from unseen.core.kinds import validated_kind
from unseen.core.settings import DataFolder, Group, Name, OptionalAssetFolder, Role, Settings

Upsampler = Literal["transposed", "nearest", "bilinear", "pixel_shuffle"]


class Ramp(Settings):
    """A number that changes from `start` to `end` along half a cosine over the first `burn_in` images."""

    start: float = Field(ge=0, description="at the first image")
    end: float = Field(ge=0, description="from `burn_in` images on")

    def __str__(self) -> str:
        """As it is written in params."""
        if self.start == self.end:
            return f"{self.start:g}"
        return f"{{start: {self.start:g}, end: {self.end:g}}}"

    @classmethod
    def constant(cls, value: float) -> "Ramp":
        """A constant number."""
        return cls(start=value, end=value)


def _constant(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"start": value, "end": value}
    if not isinstance(value, dict | Ramp):
        raise ValueError("give a number, or `start` and `end` of a ramp over `burn_in` images")
    return value


Scheduled = Annotated[Ramp, BeforeValidator(_constant)]
"""A number, or a ramp between two numbers over `burn_in` images."""


SCHEDULE = frozenset(
    {
        *("images", "batch", "learning_rate", "beta1", "beta2", "ema", "burn_in"),
        *("penalty_every", "sample_every", "snapshots"),
    }
)
"""Knobs that say how long and how fast a GAN is trained, and when it is measured, but not what."""


class GanSettings(Settings):
    """Settings of one GAN, trained on the `train` split of real faces."""

    architecture: str = Field(description="file below src/unseen/gans/architectures")
    train_on: DataFolder = Field(description="folder of real faces below data, of one or many sets")
    channels: Literal[1, 3] = Field(3, description="1 for grey training faces, so that fakes have no colour cast")
    upsample: Upsampler = Field(
        "transposed", description="how the generator upsamples by 2; each way leaves other traces"
    )
    latent: int = Field(64, ge=2, le=1024, description="dimension of the latent vector")
    width: int = Field(32, ge=4, le=512, description="channels at full size; smaller sizes have more")
    spectral_norm: bool = Field(False, description="in every layer of the discriminator, in place of batch norm")
    loss: Literal["non_saturating", "hinge", "relativistic"] = Field(
        "non_saturating", description="adversarial loss of both networks"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=0.5, description="target of reals is 1 minus this; `non_saturating` only"
    )
    penalty: Scheduled = Field(
        Ramp.constant(0.0),
        description="gamma of R1 + R2, the squared gradient norm of D at reals and at fakes; 0 for none",
    )
    penalty_every: int = Field(1, ge=1, description="steps between penalties; their weight is multiplied by it")
    images: int = Field(16000, ge=1, description="real faces seen in training, counted with repetition")
    batch: int = Field(32, ge=2, description="faces per step on all GPUs")
    learning_rate: Scheduled = Field(Ramp.constant(0.0002), description="of Adam, for both networks")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's first decay")
    beta2: Scheduled = Field(Ramp.constant(0.999), description="Adam's second decay, below 1")
    ema: Scheduled = Field(
        Ramp.constant(2200),
        description="half-life in images of the averaged weights, which draw the samples; 0 for none",
    )
    burn_in: int = Field(
        default_factory=lambda knobs: knobs["images"],
        ge=1,
        description="length of the ramps in images; `images` if not given",
    )
    diff_augment: bool = Field(False, description="colour, translation and cutout on reals and fakes alike")
    sample_every: int = Field(
        default_factory=lambda knobs: max(1, knobs["images"] // 5),
        ge=1,
        description="images between measurements of the GAN; a fifth of `images` if not given",
    )
    snapshots: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [], description="shares of the training after which a copy of the generator is kept, for worse fakes"
    )

    own_defaults: ClassVar[dict[str, Any]] = {}
    """Defaults of an architecture that replace those above, as in a params file."""

    ignored: ClassVar[frozenset[str]] = frozenset()
    """Knobs that an architecture does not read."""

    @model_validator(mode="before")
    @classmethod
    def _with_own_defaults(cls, data: Any) -> Any:
        return {**cls.own_defaults, **data} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _consistent(self) -> "GanSettings":
        if self.label_smoothing and self.loss != "non_saturating":
            raise ValueError(f"`label_smoothing` goes with `loss: non_saturating`, not with {self.loss!r}")
        if max(self.beta2.start, self.beta2.end) >= 1:
            raise ValueError("`beta2` must stay below 1")
        return self

    def generator(self) -> dict[str, Any]:
        """The knobs that make another generator: network, loss, augmentation and training faces, but not `SCHEDULE`.

        Two GANs that are equal in these leave the same kind of traces, also if one was trained longer.
        """
        return self.model_dump(exclude={*SCHEDULE, *self.ignored})

    @property
    def steps(self) -> int:
        """Number of steps; each updates D and G once."""
        return math.ceil(self.images / self.batch)

    def at(self, knob: Ramp, images: int) -> float:
        """The value of a scheduled setting after `images` images."""
        done = min(1.0, images / self.burn_in)
        return knob.end + (knob.start - knob.end) * 0.5 * (1 + math.cos(math.pi * done))


def gan_settings(data: Any, where: str) -> GanSettings:
    """Validate the settings of a stored GAN for its architecture.

    Raises:
        UserError: the architecture is unknown, or a setting is not valid.
    """
    settings: GanSettings = validated_kind("gans/architectures", data, where, "architecture")
    return settings


class QualitySettings(Settings):
    """Settings of the GAN metrics during training."""

    inception: OptionalAssetFolder = Field(
        description="folder of torch-fidelity's Inception weights, for FID and KID; or `none`"
    )
    samples: int = Field(256, ge=16, description="pictures of each kind to compare; more give less noise")


class FakeSettings(Settings):
    """Settings of a set of fakes drawn from one GAN."""

    group: Group = Field(description="folder below data/fakes that this set is stored in")
    use: Role = Field(description="`train` for training, `held_out` for evaluation only")
    gan: Name = Field(description="key below `gans`")
    snapshot: float = Field(1.0, gt=0, le=1, description="one of the GAN's `snapshots`, or 1 for the final weights")
    count: int = Field(400, ge=1, description="samples drawn; those without a detected face are dropped")
