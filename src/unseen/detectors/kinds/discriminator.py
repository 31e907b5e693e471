"""A GAN's discriminator, fine-tuned as a detector: first a new linear head on its penultimate features, then the
whole network.

The discriminator's own output is not a detector: see the kind `raw_discriminator`.
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
from unseen.detectors.shared.settings import FrozenSteps, NetworkSettings
from unseen.gans.shared.artifact import load_gan
from unseen.gans.shared.settings import gan_settings

fit = loop.fit


class Settings(NetworkSettings):
    """`input_size` must equal the size that the GAN was trained at, `faces.side`."""

    starts_from: ClassVar[Literal["assets", "gans"]] = "gans"
    sees_stored_crops: ClassVar[bool] = True

    kind: Literal["discriminator"]
    frozen_steps: FrozenSteps = 100
    last_layers: int | None = Field(
        None, ge=1, description="last convolutions to train after the frozen steps; all if not given"
    )

    @model_validator(mode="after")
    def _unmodified(self) -> "Settings":
        if self.ela or self.dropout:
            raise ValueError("`kind: discriminator` sees unmodified pictures: remove `ela` and `dropout`")
        return self


class DiscriminatorDetector(Detector):
    """A linear head on the trunk. The trunk keeps its batch-norm statistics, so that a prediction does not depend on
    the other images of the batch."""

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

    def trainable(self) -> Iterable[nn.Parameter]:
        """The head and the last convolutions of the trunk, with the layers after them; or the whole trunk."""
        yield from self.linear.parameters()
        parts = list(self.trunk.layers.modules())
        convolutions = [place for place, part in enumerate(parts) if isinstance(part, nn.Conv2d)]
        first = convolutions[-min(self.config["last_layers"] or len(parts), len(convolutions))]
        for part in parts[first:]:
            yield from part.parameters(recurse=False)

    def train(self, mode: bool = True) -> "DiscriminatorDetector":
        """Set the mode of the head; the trunk stays in evaluation mode."""
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Detector`; the discriminator was trained on pictures in [-1, 1]."""
        x = resized(pixels, self.config["input_size"]) / 127.5 - 1.0
        logits: Tensor = self.linear(self.trunk.features(x))
        return logits.flatten()


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector on the discriminator of the GAN stored in `weights`.

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


restore = DiscriminatorDetector.restore
