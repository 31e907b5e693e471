"""How a detector sees a stored crop: the one place that training, scoring, prediction and explanations share.

- `stored`: as it is; the network resizes the batch on its device. Needs crops of one side, which is the default.
- `resize`: each crop is resized to the network's side. For native sets, whose crops have different sides.
- `crop`: no resize. While training a random crop of the network's side; when scoring the centre crop, or the centre
  and the four corners, whose logits are averaged. A smaller picture is repeated to fill, as in B-Free.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch

from unseen.core.errors import UserError
from unseen.data.fits import centre_crop, crop_at, tiled
from unseen.data.pictures import Fit, Pixels
from unseen.detectors.shared.settings import FittedSettings, NetworkSettings

PLACES = ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
"""Centre and corners, as `crop_at` takes them."""

DRAWS = 2
"""Random numbers per picture in training."""


@dataclass(frozen=True)
class View:
    """What a network sees of a stored crop.

    Attributes:
        kind: see the module.
        side: of the network's input in pixels; 0 for `stored`.
        views: pictures per crop when scoring.
    """

    kind: Literal["stored", "resize", "crop"] = "stored"
    side: int = 0
    views: int = 1

    @property
    def fit(self) -> Fit | None:
        """What `decode_crops` applies to each picture for scoring; None for `stored`."""
        return None if self.kind == "stored" else self.of_one

    def of_one(self, pixels: Pixels) -> Pixels:
        """The views of a picture uint8 [s, s, 3] when scoring, the centre first: [views, side, side, 3]."""
        if self.kind == "crop":
            return np.stack([crop_at(pixels, self.side, *place) for place in PLACES[: self.views]])
        return self.first(pixels)[None]

    def first(self, pixels: Pixels) -> Pixels:
        """The first view of a picture uint8 [s, s, 3] when scoring; heat maps are drawn on it."""
        if self.kind == "crop":
            return centre_crop(pixels, self.side)
        return _resized(pixels, self.side) if self.kind == "resize" else pixels

    def in_training(self, pixels: Pixels, draw: Sequence[float]) -> Pixels:
        """One view of a picture uint8 [s, s, 3] for training; `draw` has DRAWS random numbers in [0, 1)."""
        if self.kind == "crop":
            return crop_at(pixels, self.side, draw[0], draw[1])
        return self.first(pixels)

    def of_all(self, pictures: Pixels | Sequence[Pixels]) -> Pixels:
        """The views of pictures for `logits_of`: [n, s, s, 3] for `stored`, otherwise [n, views, side, side, 3]."""
        if self.kind == "stored":
            return pictures if isinstance(pictures, np.ndarray) else np.stack(pictures)
        return np.stack([self.of_one(picture) for picture in pictures])

    def place(self, pixels: Pixels) -> tuple[float, float, float]:
        """Where a picture uint8 [s, s, 3] is in its first view: zoom, and shift to the right and down in pixels.

        Of a repeated picture it is the copy around the middle.
        """
        if self.kind == "resize":
            return self.side / len(pixels), 0.0, 0.0
        if self.kind == "stored":
            return 1.0, 0.0, 0.0
        whole = len(tiled(pixels, self.side))
        shift = (whole // 2 // len(pixels)) * len(pixels) - round(0.5 * (whole - self.side))
        return 1.0, float(shift), float(shift)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the artifact's card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "View":
        """The reverse of `as_dict`; an empty mapping is `stored`, as in older artifacts.

        Raises:
            ValueError: a value is not one of those that `as_dict` gives.
        """
        view = cls(**data)
        known = view.kind in ("stored", "resize", "crop") and view.views in (1, len(PLACES))
        if not known or not isinstance(view.side, int) or (view.kind != "stored" and view.side < 1):
            raise ValueError(f"`view` is {data}")
        return view


def _resized(pixels: Pixels, side: int) -> Pixels:
    """Resize as `base.resized` does, rounded to uint8 [side, side, 3]."""
    if len(pixels) == side:
        return pixels
    values = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()
    found = torch.nn.functional.interpolate(
        values, (side, side), mode="bilinear", align_corners=False, antialias=True
    )
    return np.asarray(found[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy())


def view_of(settings: FittedSettings, native: bool) -> View:
    """The view of a detector.

    Args:
        settings: of the detector.
        native: whether stored crops have sides of their own.

    Raises:
        UserError: the kind needs crops of one side, and they have not.
    """
    side: int = getattr(settings, "input_size", 0)
    if isinstance(settings, NetworkSettings) and settings.view == "crop":
        return View("crop", side, settings.views)
    if not native:
        return View()
    if problem := settings.one_side_problem():
        raise UserError(f"params: {problem}")
    return View("resize", side)
