"""The knobs of an autoencoder and of a set of twins."""

from typing import Literal

from pydantic import Field

from unseen.core.settings import DataFolder, Group, Name, Role, Settings
from unseen.gans.shared.settings import Upsampler


class AutoencoderSettings(Settings):
    """A small autoencoder, trained on the `train` split of a group of real sources: it draws twins of real faces."""

    train_on: DataFolder = Field(description="folder of real faces below data, a group or one set")
    upsample: Upsampler = Field(
        "transposed", description="how its decoder doubles a side, unless a GAN lends its last blocks"
    )
    weights: str = Field(
        pattern=r"^(none|gans/[a-z0-9_]+)$", description="a GAN that lends its last blocks, or `none`"
    )
    factor: Literal[2, 4, 8, 16] = Field(
        4, description="how many times smaller the side is between encoder and decoder"
    )
    latent: int = Field(32, ge=1, le=512, description="channels between encoder and decoder")
    width: int = Field(
        16, ge=8, le=256, multiple_of=8, description="channels at full size; they double as the side halves"
    )
    images: int = Field(5000, ge=1, description="real faces seen in the whole training")
    batch: int = Field(16, ge=1, description="faces a step")
    learning_rate: float = Field(0.002, gt=0, lt=1, description="of Adam")
    adversarial: float = Field(
        0.0, ge=0, description="weight of a patch critic's opinion beside the absolute error; 0 for none"
    )
    sample_every: int = Field(
        default_factory=lambda knobs: max(1, knobs["images"] // 5),
        ge=1,
        description="images between two rows of errors; a fifth of `images` if not given",
    )


class TwinSettings(Settings):
    """A set of fakes, each the twin of a real face: the same but for what a generator leaves behind."""

    group: Group = Field(description="folder below data/fakes that this set is stored in")
    use: Role = Field(description="`train` may fit anything, `held_out` is only measured on")
    autoencoder: Name = Field(description="key below `autoencoders`")
    of: DataFolder = Field(
        description="folder of real faces below data, a group or one set, each of which gets a twin"
    )
    low_frequencies: float = Field(
        0.25, ge=0, lt=1, description="share of the frequencies, the low ones, that stay the real's"
    )
    spectrum: Literal["own", "real"] = Field(
        "own", description="`real`: at each frequency as much energy as the real has, so that blur tells nothing"
    )
