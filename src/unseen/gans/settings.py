"""The knobs of a GAN and of a set of fakes."""

from typing import Literal

from pydantic import Field

from unseen.settings import DataFolder, Group, Name, Role, Settings


class GanSettings(Settings):
    """One GAN, trained on the `train` split of a group of real sources and on nothing else."""

    architecture: Literal["dcgan", "resize_conv"] = Field(description="file below src/unseen/gans")
    train_on: DataFolder = Field(description="folder of real faces below data, a group or one set")
    channels: Literal[1, 3] = Field(
        description="1 for grey training faces: a colour cast on fakes alone would give them away"
    )
    latent: int = Field(ge=2, le=1024, description="numbers in a latent vector")
    width: int = Field(ge=4, le=512, description="channels of the layer at full size; deeper layers double it")
    loss: Literal["non_saturating", "hinge"]
    steps: int = Field(ge=1, description="optimizer steps, each one of D and one of G")
    batch: int = Field(ge=2, description="pictures a step")
    learning_rate: float = Field(gt=0, lt=1)
    beta1: float = Field(ge=0, lt=1, description="Adam's first decay; beta2 is 0.999 (DCGAN) throughout")
    ema: float = Field(ge=0, lt=1, description="decay a step of the averaged generator that samples")
    diff_augment: bool = Field(description="colour, translation and cutout on reals and fakes alike")
    sample_every: int = Field(ge=1, description="steps between two rows of the sample grid")


class FakeSettings(Settings):
    """A set of fakes drawn from one GAN."""

    group: Group = Field(description="folder below data/fakes that this set is stored in")
    use: Role = Field(description="`train` may fit anything, `held_out` is only measured on")
    gan: Name = Field(description="key below `gans`")
    count: int = Field(ge=1, description="pictures drawn; those without a findable face are dropped and counted")
