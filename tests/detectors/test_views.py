"""What a network sees of a stored crop."""

import numpy as np
import pytest
import torch
from torch import Tensor

from unseen.core.errors import UserError
from unseen.data.pictures import Pixels
from unseen.detectors.kinds import dct_logistic, efficientnet_lite0, neighbour_residual
from unseen.detectors.shared.base import Detector, resized
from unseen.detectors.shared.logits import logits_of
from unseen.detectors.shared.settings import FittedSettings
from unseen.detectors.shared.views import View, view_of

CPU = torch.device("cpu")
TRAIN_ON = {"reals": "faces/people", "fakes": "fakes/own"}


def noise(side: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)


class Mean(Detector):
    """The mean of the pixels as the logit."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.double().mean((1, 2, 3))


def lite(**knobs: object) -> FittedSettings:
    return efficientnet_lite0.Settings.model_validate(
        {"kind": "efficientnet_lite0", "weights": "none", "train_on": TRAIN_ON, **knobs}
    )


def test_five_views_are_the_centre_and_the_corners() -> None:
    picture = noise(40)
    views = View("crop", 32, 5).of_one(picture)
    expected = [picture[4:36, 4:36], picture[:32, :32], picture[:32, 8:], picture[8:, :32], picture[8:, 8:]]
    assert np.array_equal(views, np.stack(expected))
    assert np.array_equal(View("crop", 32).of_one(picture), views[:1])


def test_a_small_picture_is_repeated_and_never_padded_or_resized() -> None:
    picture = noise(24)
    for view in (*View("crop", 32, 5).of_one(picture), View("crop", 32).in_training(picture, [0.3, 0.9])):
        found = {tuple(pixel) for pixel in view.reshape(-1, 3).tolist()}
        assert found <= {tuple(pixel) for pixel in picture.reshape(-1, 3).tolist()}
        assert np.array_equal(view[:8], view[24:32])


def test_a_random_crop_follows_its_draw() -> None:
    picture, view = noise(40), View("crop", 32)
    assert np.array_equal(view.in_training(picture, [0.0, 0.999]), picture[8:, :32])
    assert np.array_equal(view.in_training(picture, [0.999, 0.0]), picture[:32, 8:])


def test_a_resize_is_the_networks_own() -> None:
    picture = noise(48)
    (found,) = View("resize", 32).of_one(picture)
    plain = resized(torch.from_numpy(picture).permute(2, 0, 1)[None], 32)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, plain, atol=0.5)
    assert np.array_equal(View("resize", 48).of_one(picture)[0], picture)


def test_logits_are_averaged_over_the_views() -> None:
    pictures = [noise(side, side) for side in (24, 32, 40, 56)]
    model = Mean()
    model.view = View("crop", 32, 5)
    expected = [np.mean([view.mean() for view in model.view.of_one(picture)]) for picture in pictures]
    np.testing.assert_allclose(logits_of(model, pictures, CPU), expected)
    np.testing.assert_allclose(logits_of(model, model.view.of_all(pictures), CPU), expected)
    same = np.stack([noise(40, seed) for seed in range(3)])
    expected = [np.mean([view.mean() for view in model.view.of_one(picture)]) for picture in same]
    np.testing.assert_allclose(logits_of(model, same, CPU), expected)
    assert logits_of(model, [], CPU).shape == (0,)


def test_stored_crops_of_one_side_go_to_the_network_as_they_are() -> None:
    assert view_of(lite(), native=False) == View()
    assert View().fit is None
    pixels = np.stack([noise(40, seed) for seed in range(3)])
    assert View().of_all(pixels) is pixels


def test_the_view_follows_the_settings() -> None:
    assert view_of(lite(input_size=96), native=True) == View("resize", 96)
    for native in (True, False):
        assert view_of(lite(input_size=96, view="crop", views=5), native=native) == View("crop", 96, 5)
    with pytest.raises(ValueError, match="`views: 5` needs `view: crop`"):
        lite(views=5)


def test_kinds_that_need_crops_of_one_side_say_so() -> None:
    regression = dct_logistic.Settings.model_validate(
        {"kind": "dct_logistic", "weights": "none", "train_on": TRAIN_ON}
    )
    with pytest.raises(UserError, match=r"needs crops of one side: set `faces.native: false`"):
        view_of(regression, native=True)
    knobs = {"kind": "neighbour_residual", "weights": "none", "train_on": TRAIN_ON}
    with pytest.raises(UserError, match="set `view: crop`"):
        view_of(neighbour_residual.Settings.model_validate(knobs), native=True)
    cropped = neighbour_residual.Settings.model_validate({**knobs, "view": "crop"})
    assert view_of(cropped, native=True) == View("crop", 64)


def test_a_card_keeps_the_view() -> None:
    for view in (View(), View("resize", 64), View("crop", 224, 5)):
        assert View.from_dict(view.as_dict()) == view
    assert View.from_dict({}) == View()
    for wrong in ({"kind": "whole"}, {"kind": "crop", "side": 0}, {"kind": "crop", "side": 64, "views": 3}):
        with pytest.raises(ValueError, match="`view` is"):
            View.from_dict(wrong)


@pytest.mark.parametrize(("side", "expected"), [(64, -16), (40, -4), (24, 16), (16, 16), (12, 10), (32, 0)])
def test_where_a_picture_is_in_its_first_view(side: int, expected: int) -> None:
    view, picture = View("crop", 32), noise(side)
    zoom, right, down = view.place(picture)
    assert (zoom, right, down) == (1.0, expected, expected)
    first = view.first(picture)
    top, bottom = max(0, expected), min(32, expected + side)
    assert np.array_equal(
        first[top:bottom, top:bottom], picture[top - expected : bottom - expected, top - expected : bottom - expected]
    )
