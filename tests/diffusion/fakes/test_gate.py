"""The threshold of the Gram gate, and its numbers."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from diffusion.fakes.stub import reals
from faces_for_training import OrlFaces
from unseen.core.errors import UserError
from unseen.diffusion.fakes.gate import BINS, distances_of_reals, gate_of, gram_metrics
from unseen.diffusion.fakes.settings import GramSettings


class Pixels(nn.Module):
    """One layer: the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        return [pictures]


def test_between_reals_of_different_people(tmp_path: Path, orl_faces: OrlFaces) -> None:
    """The reals are 18 photos of 6 people, so there are five pairs of neighbours."""
    of = reals(tmp_path, orl_faces)
    found = distances_of_reals([of], Pixels(), GramSettings(side=16))
    assert len(found) == 5
    assert min(found) > 0
    assert distances_of_reals([of, of], Pixels(), GramSettings(side=16)) == found
    assert distances_of_reals([of], Pixels(), GramSettings(side=16, reference=2)) == found[:2]
    network = Pixels()
    assert gate_of(GramSettings(threshold=0.5), network, found).threshold == 0.5
    assert gate_of(GramSettings(quantile=1.0), network, found).threshold == pytest.approx(max(found), rel=1e-5)
    assert gate_of(GramSettings(quantile=0.5), network, found).threshold == pytest.approx(sorted(found)[2], rel=1e-5)
    with pytest.raises(UserError, match=r"needs reals of two or more people; give `gram.threshold`"):
        gate_of(GramSettings(), network, [])


def test_numbers_of_a_gate() -> None:
    tries = [(1.0,), (3.0, 2.0), (5.0, 4.0, 6.0), (math.inf, math.inf), (math.inf, 1.0)]
    found = gram_metrics(tries, [0.5, 2.5], threshold=2.0)
    assert (found["made_again"], found["retries"], found["given_up"]) == (4, 5, 2)
    assert [found[side]["count"] for side in ("first", "best", "reals")] == [3, 4, 2]
    assert found["first"]["quantiles"]["0.5"] == 3.0
    assert found["best"]["quantiles"] == {
        str(q): float(np.quantile([1, 2, 4, 1], q)) for q in (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
    }
    assert len(found["edges"]) == BINS + 1
    assert sum(found["first"]["histogram"]) == 3
    nothing = gram_metrics([(math.inf,)], [], threshold=1.0)
    assert nothing["first"] == {"count": 0, "quantiles": {}, "histogram": []}
    assert nothing["given_up"] == 1
