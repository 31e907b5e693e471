"""Settings of a tiny set, some of them changed."""

from typing import Any

from unseen.diffusion.fakes.settings import DiffuseSettings

SET: dict[str, Any] = {
    "group": "own",
    "use": "train",
    "of": "faces/people",
    "captions": "none",
    "model": "hub/tiny",
    "prompt": "a face",
    "side": 64,
    "batch": 4,
    "gram_weights": "none",
}
WHOLE = {"mode": "image_to_image", "steps": 10, "strength": 0.2, "guidance": 0.0}
"""Image to image, one step of which keeps the face."""


def settings(**changed: Any) -> DiffuseSettings:
    """The settings."""
    return DiffuseSettings.model_validate(SET | WHOLE | changed)
