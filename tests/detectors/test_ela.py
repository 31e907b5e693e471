"""Error levels, on pictures whose JPEG can be worked out by hand."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from faces_for_training import OrlFaces
from unseen.detectors.shared.ela import error_levels
from unseen.detectors.shared.logits import as_batch

CPU = torch.device("cpu")


def grey(*values: int) -> Tensor:
    """Pictures of one grey each."""
    return torch.tensor(values, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 16, 16)


def resaved(picture: Tensor, quality: int) -> Tensor:
    buffer = io.BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)


def test_a_constant_picture_has_none() -> None:
    assert not error_levels(grey(0, 1, 77, 128, 200, 255), 90, 20.0).any()


def test_by_hand() -> None:
    """At quality 10 the standard's step of a block's mean is 16 x 500 / 100 = 80, in units of an eighth of a grey:
    levels are 128 + 10 k, and 131 becomes 128, 136 becomes 138."""
    found = error_levels(grey(128, 131, 136, 138), 10, 7.0)
    assert [picture.unique().tolist() for picture in found] == [[0], [21], [14], [0]]


def test_what_is_beyond_255_is_cut() -> None:
    found = error_levels(grey(131, 136), 10, 100.0)
    assert [picture.unique().tolist() for picture in found] == [[255], [200]]


def test_scale_multiplies(orl_faces: OrlFaces) -> None:
    pixels = as_batch(orl_faces.large[:4], CPU)
    once, thrice = (error_levels(pixels, 75, scale).int() for scale in (1.0, 3.0))
    assert once.any()
    assert torch.equal(thrice, (3 * once).clamp(max=255))


def test_a_picture_that_was_saved_at_that_quality_has_next_to_none(orl_faces: OrlFaces) -> None:
    fresh = as_batch(orl_faces.large[:8], CPU)
    saved = torch.stack([resaved(picture, 75) for picture in fresh])
    levels = [error_levels(pixels, 75, 1.0).float().mean() for pixels in (fresh, saved)]
    assert levels[1] < 0.25 * levels[0]


def test_what_was_pasted_in_stands_out(orl_faces: OrlFaces) -> None:
    fresh = as_batch(orl_faces.large[:1], CPU)
    picture = resaved(fresh[0], 75)[None]
    picture[..., 16:48, 16:48] = fresh[..., 16:48, 16:48]
    found = error_levels(picture, 75, 1.0).float()
    inside = found[..., 16:48, 16:48].mean()
    outside = (found.sum() - found[..., 16:48, 16:48].sum()) / (found.numel() - 3 * 32 * 32)
    assert inside > 3 * outside


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_is_of_the_kind_it_was(orl_faces: OrlFaces, layout: torch.memory_format) -> None:
    pixels = as_batch(orl_faces.large[:3], CPU).contiguous(memory_format=layout)
    before = pixels.clone()
    found = error_levels(pixels, 75, 5.0)
    assert (found.shape, found.dtype, found.device) == (pixels.shape, torch.uint8, pixels.device)
    assert torch.equal(pixels, before)
    assert torch.equal(found[1:2], error_levels(pixels[1:2], 75, 5.0)), "a picture's own, whoever stands beside it"
