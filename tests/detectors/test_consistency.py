"""The loss between clean and degraded views, by values worked by hand."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from unseen.data.pictures import Faces
from unseen.detectors.shared import loop
from unseen.detectors.shared.batches import Batches
from unseen.detectors.shared.consistency import consistency_loss, training_loss

from .networks import Normless, Tiny, copied, knobs, same, task

Both = tuple[Faces, Faces]


def test_it_is_cosine_distance_plus_symmetric_divergence() -> None:
    """A right angle and a half turn: distances 1 and 2. Outputs 3/4 and 1/4 against 1/4 and 1/4."""
    features = torch.tensor([[3.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 5.0], [-2.0, -2.0]])
    logits = torch.tensor([math.log(3), -math.log(3)]), torch.tensor([[-math.log(3)], [-math.log(3)]])
    kl = 0.75 * math.log(3) + 0.25 * math.log(1 / 3)  # the same in both directions
    assert float(consistency_loss(features, logits)) == pytest.approx(1.5 + kl / 2, rel=1e-5)


def test_it_is_torchs_divergence_and_0_for_equal_views() -> None:
    random = torch.Generator().manual_seed(0)
    features, logits = torch.randn(5, 8, generator=random), 3 * torch.randn(2, 5, generator=random)
    pairs = [torch.stack([one.sigmoid(), 1 - one.sigmoid()], 1) for one in logits]
    first, second = (functional.kl_div(a.log(), b, reduction="batchmean") for a, b in (pairs, pairs[::-1]))
    found = consistency_loss((features, 2 * features), (logits[0], logits[1]))
    torch.testing.assert_close(found, (first + second) / 2)
    assert float(consistency_loss((features, features), (logits[0], logits[0]))) == pytest.approx(0, abs=1e-6)


class Counting(Tiny):
    """Counts passes through the trunk."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0

    def forward(self, pixels: Tensor) -> Tensor:
        self.passes += 1
        return super().forward(pixels)


def test_the_loss_is_the_models_plus_the_weighted_consistency(faces: Both, tmp_path: Path) -> None:
    own = task(faces, tmp_path, consistency={"weight": 0.7})
    pixels, clean = (
        loop.as_batch(faces[0].pixels[places], torch.device("cpu")) for places in (slice(4), slice(4, 8))
    )
    labels, rows = torch.tensor([0.0, 1.0, 0.0, 1.0]), np.arange(4)
    model = Counting().eval()
    found = training_loss(model, pixels, clean, labels, rows, own)
    assert model.passes == 2, "each view once"
    assert not model.linear._forward_hooks
    with torch.no_grad():
        each = [model.trunk(one.float() / 127.5 - 1).mean((2, 3)) for one in (pixels, clean)]
        logits = [model.linear(one) for one in each]
        plain = model.loss(pixels, labels, rows, own)
        expected = plain + 0.7 * consistency_loss((each[0], each[1]), (logits[0], logits[1]))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(training_loss(model, pixels, None, labels, rows, own), plain)
    found.backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.linear.parameters())


HARSH = {"blur": 1.0, "blur_sigma": 3.0, "jpeg": 1.0, "jpeg_low": 20, "turn": 0.5, "move": 0.5, "rescale": 0.5}


def test_the_clean_view_has_the_same_geometry_and_no_degradation(faces: Both) -> None:
    pictures = faces[0]
    still = {**HARSH, "blur": 0.0, "jpeg": 0.0, "rescale": 0.0}
    with_views = list(Batches(pictures, knobs(batch=8, augment=HARSH, consistency={}), 4)(range(3)))
    only_moved = list(Batches(pictures, knobs(batch=8, augment=still), 4)(range(3)))
    degraded = list(Batches(pictures, knobs(batch=8, augment=HARSH), 4)(range(3)))
    for views, moved, plain in zip(with_views, only_moved, degraded, strict=True):
        assert views.clean is not None
        assert np.array_equal(views.clean, moved.pixels)
        assert np.array_equal(views.pixels, plain.pixels), "as without the loss"
        assert (views.clean != views.pixels).any((1, 2, 3)).all()
        assert plain.clean is None


def trained(faces: Both, scratch: Path, **changed: Any) -> tuple[dict[str, Tensor], Normless]:
    model = Normless()
    knobs = {"augment": HARSH, "frozen_steps": 0, "steps": 20, "validate_every": 20}
    loop.fit(model, task(faces, scratch, **knobs | changed))
    return copied(model), model


def test_training_with_it_brings_the_views_together_and_repeats_itself(faces: Both, tmp_path: Path) -> None:
    def apart(model: Normless) -> float:
        """Mean difference of the logits of the views."""
        (batch,) = Batches(faces[1], knobs(batch=16, augment=HARSH, consistency={}), 9)(range(1))
        assert batch.clean is not None
        with torch.inference_mode():
            logits = [model.eval()(loop.as_batch(one, torch.device("cpu"))) for one in (batch.pixels, batch.clean)]
        return float((logits[0] - logits[1]).abs().mean())

    plain, without = trained(faces, tmp_path / "plain")
    first, model = trained(faces, tmp_path / "a", consistency={"weight": 30.0})
    again, _ = trained(faces, tmp_path / "b", consistency={"weight": 30.0})
    assert same(first, again)
    assert not same(first, plain)
    assert apart(model) < 0.5 * apart(without)


def test_a_weight_of_0_is_refused() -> None:
    with pytest.raises(ValueError, match="weight"):
        knobs(consistency={"weight": 0.0})
