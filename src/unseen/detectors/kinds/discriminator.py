"""A GAN's own discriminator as a detector: first a new linear head on its penultimate features, then fine-tuning of
the whole network.

Its raw output is no detector: by the end of the GAN's training it hardly tells the GAN's pictures from real ones. The
kind `raw_discriminator` shows that.
"""

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from torch import Tensor, nn

from unseen.core.errors import UserError
from unseen.detectors.shared import loop
from unseen.detectors.shared.base import Detector, resized
from unseen.detectors.shared.settings import NetworkSettings
from unseen.gans.shared.artifact import load_gan
from unseen.gans.shared.settings import gan_settings

fit = loop.fit


class Settings(NetworkSettings):
    """`input_size` must be the size that the GAN was trained at, which is `faces.side`."""

    starts_from: ClassVar[Literal["assets", "gans"]] = "gans"
    sees_stored_crops: ClassVar[bool] = True

    kind: Literal["discriminator"]
    frozen_steps: int = Field(100, ge=0, description="first steps, in which only the head's weights are trained")
    last_layers: int | None = Field(
        None, ge=1, description="convolutions at the end that learn after the frozen steps, and what follows them"
    )

    @model_validator(mode="after")
    def _as_its_gan_made_it(self) -> "Settings":
        if self.ela or self.dropout:
            raise ValueError("`kind: discriminator` sees what its GAN made, as it is: no `ela`, no `dropout`")
        return self


class DiscriminatorDetector(Detector):
    """The trunk keeps its batch statistics: a detector must not judge a face by its neighbours in a batch."""

    def __init__(self, gan: dict[str, Any], input_size: int, last_layers: int | None = None) -> None:
        super().__init__()
        self.config = {"gan": gan, "input_size": input_size, "last_layers": last_layers}
        module = importlib.import_module(f"unseen.gans.architectures.{gan['architecture']}")
        self.trunk = module.Discriminator(gan_settings(gan, "gan"), input_size)
        self.linear = nn.Linear(self.trunk.num_features, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def head(self) -> nn.Module:
        """The linear layer."""
        return self.linear

    def opened(self) -> Iterable[nn.Parameter]:
        """The head, and the trunk from its n-th last convolution on, or all of it."""
        yield from self.linear.parameters()
        parts = list(self.trunk.layers.modules())
        convolutions = [place for place, part in enumerate(parts) if isinstance(part, nn.Conv2d)]
        first = convolutions[-min(self.config["last_layers"] or len(parts), len(convolutions))]
        for part in parts[first:]:
            yield from part.parameters(recurse=False)

    def train(self, mode: bool = True) -> "DiscriminatorDetector":
        """Only the head ever leaves evaluation mode."""
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Detector`; the GAN saw pictures in [-1, 1]."""
        x = resized(pixels, self.config["input_size"]) / 127.5 - 1.0
        logits: Tensor = self.linear(self.trunk.features(x))
        return logits.flatten()


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector on the trained discriminator of the GAN in `weights`.

    Raises:
        UserError: the discriminator was trained at another size.
    """
    gan = load_gan(weights)
    if gan.size != settings.input_size:
        raise UserError(
            f"`input_size` is {settings.input_size}, but `{gan.name}` was trained at {gan.size} px; "
            f"set it to {gan.size}"
        )
    model = DiscriminatorDetector(gan.settings.model_dump(), settings.input_size, settings.last_layers)
    model.trunk.load_state_dict(gan.states["discriminator"])
    return model


def restore(config: dict[str, Any]) -> Detector:
    """The same network, for weights that are loaded afterwards."""
    return DiscriminatorDetector(**config)
