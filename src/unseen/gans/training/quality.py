"""Distance of samples from real faces, precision, recall, and nearest training faces.

The features are those of EfficientNet-lite1 with packaged ImageNet weights, which no detector uses. Its kernel
distance is called `kid_lite1`. It is not comparable with KID, which is defined on Inception features and reported if
the user has those weights.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor
from torch.nn import functional

from unseen.core.errors import UserError

INPUT = 128
"""Pixels; side of the network's input. Its default of 240 takes 3.5 x as long."""

BATCH = 64

NEIGHBOURS = 3
"""k of precision and recall, as in the paper."""


class Backbone:
    """EfficientNet-lite1, which gives features [n, 1280] in float32."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        """`folder` holds the packaged weights.

        Raises:
            UserError: they are missing, damaged or of another network.
        """
        files = sorted(folder.glob("*.pth"))
        if len(files) != 1:
            raise UserError(f"{folder}: expected one .pth file with ImageNet weights; run `dvc repro packaged`")
        net: Any = timm.create_model("tf_efficientnet_lite1", pretrained=False)
        try:
            packaged = torch.load(files[0], map_location="cpu", weights_only=True)
            # The package has timm's tensors in timm's order, under older names.
            net.load_state_dict(dict(zip(net.state_dict(), packaged.values(), strict=True)))
        except Exception as error:  # exceptions of damaged files are not documented
            raise UserError(
                f"{files[0]}: not the weights of EfficientNet-lite1; remove the file and run `dvc repro packaged`"
            ) from error
        self._net = net.eval().to(device, memory_format=torch.channels_last)
        self._device = device

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Features on the device of uint8 pictures [n, 3, s, s]."""
        parts = []
        for part in torch.split(pictures, BATCH):
            x = part.to(self._device).float()
            x = functional.interpolate(x, (INPUT, INPUT), mode="bicubic", antialias=True) / 127.5 - 1.0
            x = self._net.forward_features(x.contiguous(memory_format=torch.channels_last))
            parts.append(x.mean((2, 3)))
        return torch.cat(parts)


def kid(reals: Tensor, fakes: Tensor) -> float:
    """Kernel distance of features [n, d] and [m, d]: the unbiased squared MMD with the kernel (x . y / d + 1)^3
    (Binkowski et al. 2018, arXiv 1801.01401), over all pairs. Its expectation is 0 for equal distributions; it may
    be negative."""

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a.double() @ b.double().T / a.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:
        k = kernel(x, x)
        return (k.sum() - k.trace()) / (len(x) * (len(x) - 1))

    return float(within(reals) + within(fakes) - 2 * kernel(reals, fakes).mean())


def precision_recall(reals: Tensor, fakes: Tensor) -> tuple[float, float]:
    """Precision and recall of features [n, d] and [m, d] (Kynkaanniemi et al. 2019, arXiv 1904.06991): the share of
    fakes in the manifold of reals, and of reals in that of fakes. A manifold is the union of balls around each
    feature, with the distance to the third neighbour as radius."""

    def inside(points: Tensor, manifold: Tensor) -> float:
        radius = torch.cdist(manifold, manifold).kthvalue(NEIGHBOURS + 1, dim=1).values
        return float((torch.cdist(points, manifold) <= radius).any(1).double().mean())

    return inside(fakes, reals), inside(reals, fakes)


def diversity(reals: Tensor, fakes: Tensor) -> float:
    """How much fakes differ from each other, as a share of how much reals do: the ratio of the mean distances of
    pairs of features [n, d] and [m, d]. 0 if all fakes are the same, 1 if they differ as reals do. Recall is also
    low for a GAN that draws blurred faces of everybody; this is low only for one that draws few faces."""
    within = torch.pdist(reals.double()).mean()
    return float(torch.pdist(fakes.double()).mean() / within)


@dataclass(frozen=True)
class Nearest:
    """The nearest training face of each sample.

    Attributes:
        rows: [n], rows of the training faces.
        copies: share of samples that are as close to a training face as the closest 1 % of held-back faces; about
            0.01 without memorisation.
    """

    rows: Tensor
    copies: float


def nearest_training_faces(train: Tensor, held_back: Tensor, samples: Tensor) -> Nearest:
    """Find the nearest training faces by cosine similarity of features [n, d]."""
    unit, held_unit, sample_unit = (functional.normalize(x, dim=1) for x in (train, held_back, samples))
    near, rows = (sample_unit @ unit.T).max(1)
    limit = (held_unit @ unit.T).max(1).values.quantile(0.99)
    return Nearest(rows.cpu(), float((near >= limit).double().mean()))
