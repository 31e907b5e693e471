"""The views in NumPy against those of PyTorch."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from unseen.detectors.shared import ela
from unseen.detectors.shared.views import View
from unseen.serve.onnx.views import error_levels, interpolation, sigmoid, views_of


def drawn(side: int) -> np.ndarray:
    return np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["stored", "resize", "crop"])
@pytest.mark.parametrize("side", [40, 64, 96])
def test_a_view_is_that_of_training(kind: str, side: int) -> None:
    view = View() if kind == "stored" else View(kind, 64, 5 if kind == "crop" else 1)  # type: ignore[arg-type]
    pixels = drawn(side)
    expected = view.of_one(pixels)
    found = np.stack(views_of(pixels, view.as_dict(), None))
    assert found.shape == expected.shape
    wrong = np.abs(found.astype(int) - expected)
    assert wrong.max() <= (1 if kind == "resize" else 0)
    assert (wrong > 0).mean() < 0.001


@pytest.mark.parametrize(("before", "after"), [(96, 64), (64, 224), (65, 64), (200, 64)])
def test_the_matrix_of_a_resize_is_pytorchs(before: int, after: int) -> None:
    eye = torch.eye(before)[None, None]
    expected = functional.interpolate(eye, (after, before), mode="bilinear", align_corners=False, antialias=True)
    assert (
        np.abs(interpolation(before, after) - expected[0, 0].numpy()).max() < 1e-5
    )  # PyTorch computes it in float32


def test_error_levels_are_those_of_training() -> None:
    pixels = drawn(64)
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    expected = ela.error_levels(batch, 90, 10.0)[0].permute(1, 2, 0).numpy()
    assert (error_levels(pixels, 90, 10.0) == expected).all()
    (seen,) = views_of(pixels, View().as_dict(), {"quality": 90, "scale": 10.0})
    assert (seen == expected).all()


def test_the_sigmoid_of_any_logit() -> None:
    assert [sigmoid(value) for value in (-1e9, 0.0, 1e9)] == [0.0, 0.5, 1.0]
