"""The real faces that the GANs of all training seeds are compared with."""

from functools import cached_property

import torch
from torch import Tensor

from unseen.core.errors import UserError
from unseen.core.runtime import generator
from unseen.data.pictures import Pixels
from unseen.gans.training.inception import Inception
from unseen.gans.training.quality import NEIGHBOURS, Backbone


class RealFaces:
    """Training faces and held-back faces with their features, which are computed once.

    Attributes:
        count: number of samples, and the most faces, that are compared.
        backbone: the network of `features` and `held_back_features`.
        inception: the network of `inception_features`; None without.
        every: all training faces, uint8 [n, 3, size, size].
        train: those that samples are compared with; as are the attributes below.
        held_back: held-back faces.
        features: of `train`.
        held_back_features: of `held_back`.
        inception_features: of `train`; None without `inception`.
    """

    def __init__(
        self,
        train: Pixels,
        held_back: Pixels,
        count: int,
        seed: int,
        backbone: Backbone,
        inception: Inception | None = None,
    ) -> None:
        """`train` and `held_back` are [n, size, size, 3]; a random subset by `seed` of at most `count` of each is
        compared with samples.

        Raises:
            UserError: there are too few faces.
        """
        if min(len(train), len(held_back)) <= NEIGHBOURS:
            raise UserError(
                f"{len(train)} faces to train a GAN on and {len(held_back)} held back to measure it; at least "
                f"{NEIGHBOURS + 1} of each are needed: add people, or raise `split.val`"
            )
        self.count, self.backbone, self.inception = count, backbone, inception
        self.every = _pictures(train)
        self.train, self.held_back = (_some(pixels, count, seed) for pixels in (train, held_back))
        self.features, self.held_back_features = backbone(self.train), backbone(self.held_back)
        self.inception_features = inception(self.train) if inception else None

    @cached_property
    def features_of_every(self) -> Tensor:
        """Features of all training faces."""
        return self.features if len(self.train) == len(self.every) else self.backbone(self.every)


def order_of(faces: Tensor, seed: int) -> Tensor:
    """The order, [n], in which a training seed takes faces; it changes metrics by rounding only."""
    return torch.randperm(len(faces), generator=generator(seed, "judged"))


def _pictures(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def _some(pixels: Pixels, count: int, seed: int) -> Tensor:
    """A fixed random subset of at most `count` faces, in their own order."""
    pictures = _pictures(pixels)
    return pictures[order_of(pictures, seed)[:count].sort().values]
