"""Settings of autoencoders and of sets of twins."""

from typing import Any, Literal

from pydantic import Field

from unseen.core.settings import DataFolder, Group, Name, Role, Settings
from unseen.gans.shared.settings import SCHEDULE, Upsampler


class AutoencoderSettings(Settings):
    """A small autoencoder that makes twins of real faces; it is trained on the `train` split of real sources."""

    train_on: DataFolder = Field(description="folder of real faces below data, a group or one set")
    upsample: Upsampler = Field(
        "transposed", description="upsampling in the decoder; not used with the blocks of a GAN"
    )
    weights: str = Field(
        pattern=r"^(none|gans/[a-z0-9_]+)$", description="GAN whose last blocks are the decoder, or `none`"
    )
    side: int | None = Field(
        None,
        ge=32,
        le=512,
        multiple_of=32,
        description="pixels of the crops in training; default: whole faces, which needs `faces.native: false`",
    )
    factor: Literal[2, 4, 8, 16] = Field(4, description="downscaling factor of the bottleneck")
    latent: int = Field(32, ge=1, le=512, description="channels of the bottleneck")
    width: int = Field(
        16, ge=8, le=256, multiple_of=8, description="channels at full size; doubled whenever the side is halved"
    )
    images: int = Field(5000, ge=1, description="faces of the whole training, with repetitions")
    batch: int = Field(16, ge=1, description="faces per step")
    learning_rate: float = Field(0.002, gt=0, lt=1, description="learning rate of Adam")
    adversarial: float = Field(0.0, ge=0, description="weight of the loss from a patch discriminator; 0: none")
    sample_every: int = Field(
        default_factory=lambda knobs: max(1, knobs["images"] // 5),
        ge=1,
        description="images between two measurements; default: a fifth of `images`",
    )

    def generator(self) -> dict[str, Any]:
        """The knobs that make another generator; see `GanSettings.generator`.

        With the blocks of a GAN as the decoder, the generator is that GAN.
        """
        return self.model_dump(exclude={*SCHEDULE, "side"}) if self.weights == "none" else {"weights": self.weights}


class TwinSettings(Settings):
    """A set of fakes that are twins of real faces: they differ from them only in a generator's artifacts."""

    group: Group = Field(description="folder below data/fakes that this set is stored in")
    use: Role = Field(description="`train`: for training and evaluation; `held_out`: for evaluation only")
    autoencoder: Name = Field(
        description="key below `autoencoders`, or `identity`, a null control: encoded again without a network"
    )
    of: DataFolder = Field(description="folder of real faces below data, a group or one set, to make twins of")
    low_frequencies: float = Field(0.25, ge=0, lt=1, description="share of low frequencies taken from the real face")
    spectrum: Literal["own", "real"] = Field(
        "own", description="`real`: scale each frequency to the energy of the real face, which removes blur"
    )
