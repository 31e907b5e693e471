"""A GAN's discriminator without fine-tuning: the negative control.

It was trained against one generator, so it is not expected to separate fakes of other generators from real faces.
Only temperature and threshold are fitted.
"""

import importlib
from pathlib import Path
from typing import Any, ClassVar, Literal

from torch import Tensor

from unseen.detectors.shared.base import Detector, History, Task, resized
from unseen.detectors.shared.settings import FittedSettings
from unseen.gans.shared.artifact import load_gan
from unseen.gans.shared.settings import gan_settings


class Settings(FittedSettings):
    """Nothing is trained, so there are no training settings."""

    starts_from: ClassVar[Literal["assets", "gans"]] = "gans"

    kind: Literal["raw_discriminator"]


class RawDiscriminator(Detector):
    """The negated logit of the discriminator, whose logit is positive for real."""

    def __init__(self, gan: dict[str, Any], size: int) -> None:
        super().__init__()
        self.config = {"gan": gan, "size": size}
        module = importlib.import_module(f"unseen.gans.architectures.{gan['architecture']}")
        self.trunk = module.Discriminator(gan_settings(gan, "gan"), size)

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Detector`; the discriminator was trained on pictures in [-1, 1]."""
        logits: Tensor = -self.trunk(resized(pixels, self.config["size"]) / 127.5 - 1.0)
        return logits


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """The discriminator of the GAN stored in `weights`."""
    gan = load_gan(weights)
    model = RawDiscriminator(gan.settings.model_dump(), gan.size)
    model.trunk.load_state_dict(gan.states["discriminator"])
    return model


restore = RawDiscriminator.restore


def fit(model: Detector, task: Task) -> History:
    """Return an empty history: nothing is fitted."""
    return []
