"""The knobs that all GANs have, and those of a set of fakes. What one architecture has alone is in its file below
`gans/architectures`."""

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from unseen.core.kinds import validated_kind
from unseen.core.settings import DataFolder, Group, Name, OptionalAssetFolder, Role, Settings

Upsampler = Literal["transposed", "nearest", "bilinear", "pixel_shuffle"]


class Ramp(Settings):
    """A number that follows half a cosine from `start` to `end` while the GAN sees its first `burn_in` images."""

    start: float = Field(ge=0)
    end: float = Field(ge=0)

    @classmethod
    def constant(cls, value: float) -> "Ramp":
        """A number that stays what it is."""
        return cls(start=value, end=value)


def _constant(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"start": value, "end": value}
    if not isinstance(value, dict | Ramp):
        raise ValueError("give a number, or `start` and `end` of a ramp over `burn_in`")
    return value


Scheduled = Annotated[Ramp, BeforeValidator(_constant)]
"""A number, or a ramp from one to another over `burn_in`."""


class GanSettings(Settings):
    """One GAN, trained on the `train` split of a group of real sources and on nothing else."""

    architecture: str = Field(description="file below src/unseen/gans/architectures")
    train_on: DataFolder = Field(description="folder of real faces below data, a group or one set")
    channels: Literal[1, 3] = Field(
        3, description="1 for grey training faces: a colour cast on fakes alone would give them away"
    )
    upsample: Upsampler = Field(
        "transposed", description="how the generator doubles a side; each leaves traces of its own"
    )
    latent: int = Field(64, ge=2, le=1024, description="numbers in a latent vector")
    width: int = Field(32, ge=4, le=512, description="channels of the layer at full size; deeper layers have more")
    spectral_norm: bool = Field(False, description="of every layer of the discriminator, in place of batch norm")
    loss: Literal["non_saturating", "hinge", "relativistic"] = Field(
        "non_saturating", description="adversarial loss of both networks"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=0.5, description="reals aim at 1 minus this; `non_saturating` only")
    penalty: Scheduled = Field(
        Ramp.constant(0.0),
        description="gamma of R1 + R2, the squared gradient of D at reals and at fakes; 0 for none",
    )
    penalty_every: int = Field(1, ge=1, description="steps between two penalties, which weigh as many times more")
    images: int = Field(
        16000, ge=1, description="real faces seen in the whole training, each as often as it comes up"
    )
    batch: int = Field(32, ge=2, description="faces a step, over all GPUs")
    learning_rate: Scheduled = Field(Ramp.constant(0.0002), description="of Adam, for both networks")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's first decay")
    beta2: Scheduled = Field(Ramp.constant(0.999), description="Adam's second decay, below 1")
    ema: Scheduled = Field(
        Ramp.constant(2200), description="half-life in images of the averaged generator that samples; 0 for none"
    )
    burn_in: int = Field(
        default_factory=lambda knobs: knobs["images"],
        ge=1,
        description="images over which the ramps go; all of `images` if not given",
    )
    diff_augment: bool = Field(False, description="colour, translation and cutout on reals and fakes alike")
    sample_every: int = Field(
        default_factory=lambda knobs: max(1, knobs["images"] // 5),
        ge=1,
        description="images between two rows of losses, quality and samples; a fifth of `images` if not given",
    )
    snapshots: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [], description="shares of the training after which a generator is kept, worse than the last, for other fakes"
    )

    own_defaults: ClassVar[dict[str, Any]] = {}
    """Defaults that an architecture has in place of those above, as they would be written in a params file."""

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

    @property
    def steps(self) -> int:
        """Optimizer steps, each one of D and one of G."""
        return math.ceil(self.images / self.batch)

    def at(self, knob: Ramp, images: int) -> float:
        """What a scheduled knob is once so many images are seen."""
        done = min(1.0, images / self.burn_in)
        return knob.end + (knob.start - knob.end) * 0.5 * (1 + math.cos(math.pi * done))


def gan_settings(data: Any, where: str) -> GanSettings:
    """The knobs of a stored GAN, as its architecture has them.

    Raises:
        UserError: there is no such architecture, or the data is not valid.
    """
    settings: GanSettings = validated_kind("gans/architectures", data, where, "architecture")
    return settings


class QualitySettings(Settings):
    """How GANs are measured while they train."""

    inception: OptionalAssetFolder = Field(
        description="torch-fidelity's Inception weights, which add FID and KID; or `none`"
    )
    samples: int = Field(
        256, ge=16, description="pictures of each side that are compared; more make a steadier number"
    )


class FakeSettings(Settings):
    """A set of fakes drawn from one GAN."""

    group: Group = Field(description="folder below data/fakes that this set is stored in")
    use: Role = Field(description="`train` may fit anything, `held_out` is only measured on")
    gan: Name = Field(description="key below `gans`")
    snapshot: float = Field(1.0, gt=0, le=1, description="one of the GAN's `snapshots`, or 1 for its end")
    count: int = Field(400, ge=1, description="pictures drawn; those without a findable face are dropped and counted")
