"""Neighbour residuals: what the network sees, by hand, how large it is, and that it finds doubled pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from unseen.core.errors import UserError
from unseen.data.pictures import Faces
from unseen.detectors.kinds import neighbour_residual
from unseen.detectors.kinds.neighbour_residual import NeighbourResidual
from unseen.detectors.shared.logits import as_batch, logits_of

from .learning import check_learns_and_repeats_itself
from .networks import knobs

CPU = torch.device("cpu")
Both = tuple[Faces, Faces]


def settings(**changed: Any) -> neighbour_residual.Settings:
    own = {"kind": "neighbour_residual", "weights": "none", **changed}
    return neighbour_residual.Settings.model_validate({**knobs().model_dump(), **own})


def made(seed: int = 0, **changed: Any) -> NeighbourResidual:
    torch.manual_seed(seed)
    model = neighbour_residual.create(settings(**changed), Path("models/none"), 32)
    assert isinstance(model, NeighbourResidual)
    return model


def test_it_has_the_papers_number_of_weights() -> None:
    model = made()
    # 3 x 3 x 3 x 64 and a norm; the first two stages of ResNet-50; 512 weights and a bias
    assert sum(weight.numel() for weight in model.parameters()) == 1728 + 128 + 215808 + 1219584 + 513
    assert sum(weight.numel() for weight in model.parameters()) == pytest.approx(1.44e6, abs=5e3)


def test_it_sees_the_difference_to_the_top_left_neighbour() -> None:
    pixels = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    pixels[0, :, 4:6, 6:8] = torch.tensor([[10, 14], [7, 10]], dtype=torch.uint8)
    seen = made().network_input(pixels)
    found = seen[0, :, 4:6, 6:8] * 255 * torch.tensor([0.229, 0.224, 0.225])[:, None, None] * 3 / 2
    torch.testing.assert_close(found[1], torch.tensor([[0.0, 4.0], [-3.0, 0.0]]))
    torch.testing.assert_close(found[0], found[2])
    assert seen.count_nonzero() == 3 * 2


def test_it_sees_nothing_of_doubled_pixels(faces: Both) -> None:
    train = faces[0]
    seen = made().network_input(as_batch(train.pixels, CPU)).abs().mean((1, 2, 3)).numpy()
    assert (seen[train.labels == 1] == 0).all()
    assert (seen[train.labels == 0] > 0).all()


def test_it_learns_and_repeats_itself(tmp_path: Path) -> None:
    """By the doubled pixels: a difference to a neighbour does not know how bright a picture is."""
    check_learns_and_repeats_itself(made, settings, tmp_path, steps=8, validate_every=2)


def test_it_comes_back(faces: Both) -> None:
    model = made()
    torch.nn.init.ones_(model.classifier[-1].weight)  # type: ignore[arg-type]
    again = neighbour_residual.restore(model.config)
    again.load_state_dict(model.state_dict())
    pixels = faces[1].pixels[:5]
    assert np.array_equal(logits_of(again, pixels, CPU), logits_of(model, pixels, CPU))


def test_it_does_not_resize(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"`input_size` is 64.*32 px: set it to 32") as error:
        neighbour_residual.create(settings(input_size=64), tmp_path, 32)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("changed", [{"weights": "hub"}, {"ela": {"quality": 90, "scale": 10.0}}])
def test_what_it_can_not_use_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**changed)
