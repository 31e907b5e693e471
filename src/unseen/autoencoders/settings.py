"""Settings of autoencoders and of sets of twins."""

from typing import Any, Literal

from pydantic import Field, model_validator

from unseen.core.settings import DataFolder, Group, Role, Settings
from unseen.data.evaluation_sets import IDENTITY
from unseen.gans.shared.settings import SCHEDULE, Upsampler

OWN, HUB = "autoencoders/", "hub/"
"""Folders below models: of autoencoders that the run trains, and of pretrained models."""


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
    autoencoder: str = Field(
        pattern=r"^[a-z0-9_]+(/[a-z0-9_]+)?$",
        description="folder below models: `autoencoders/NAME`, an own one; `hub/NAME`, a pretrained one; or "
        "`autoencoders/identity`, a null control: encoded again without a network",
    )
    of: DataFolder = Field(description="folder of real faces below data, a group or one set, to make twins of")
    low_frequencies: float = Field(
        default_factory=lambda knobs: 0.0 if knobs["autoencoder"].startswith(HUB) else 0.25,
        ge=0,
        lt=1,
        description="share of low frequencies taken from the real face; default: 0.25, and 0 for a pretrained one",
    )
    spectrum: Literal["own", "real"] = Field(
        "own", description="`real`: scale each frequency to the energy of the real face, which removes blur"
    )
    subfolder: str = Field(
        "", pattern=r"^[A-Za-z0-9_-]*$", description="pretrained: folder of the VAE in the repository, such as `vae`"
    )
    latents: Literal["sampled", "mean"] = Field(
        "sampled",
        description="pretrained AutoencoderKL: decode a sample of the latent distribution, or its mean",
    )
    dtype: Literal["auto", "float32", "float16"] = Field(
        "auto",
        description="pretrained: `auto` is float16 on a GPU unless its config says `force_upcast`, else float32",
    )
    batch: int = Field(
        default_factory=lambda knobs: 8 if knobs["autoencoder"].startswith(HUB) else 64,
        ge=1,
        description="faces in the network at a time; less needs less memory; default: 64, and 8 for a pretrained one",
    )

    @property
    def pretrained(self) -> bool:
        """Whether the autoencoder is a pretrained one."""
        return self.autoencoder.startswith(HUB)

    @property
    def is_identity(self) -> bool:
        """Whether there is no network: the null control."""
        return self.autoencoder == OWN + IDENTITY

    @property
    def generator(self) -> str:
        """The generator of these fakes, as their rows name it: the last part of `autoencoder`."""
        return self.autoencoder.rpartition("/")[2]

    @model_validator(mode="after")
    def _of_pretrained(self) -> "TwinSettings":
        for knob in ("subfolder", "latents", "dtype"):
            if not self.pretrained and getattr(self, knob) != type(self).model_fields[knob].default:
                raise ValueError(f"`{knob}` is for a pretrained autoencoder, `hub/NAME`; remove it")
        return self
