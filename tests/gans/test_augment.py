"""DiffAugment against shifts, squares and colours made by hand."""

import pytest
import torch

from unseen.gans.training.augment import _colour, _cutout, _translate, diff_augment, draw


def pictures(count: int = 4, size: int = 32) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(5)) * 2 - 1


def drawn(count: int, seed: int = 1) -> torch.Tensor:
    return draw(count, torch.Generator().manual_seed(seed))


def test_draws_are_even_and_depend_on_the_generator_alone() -> None:
    assert torch.equal(drawn(4000), drawn(4000))
    assert not torch.equal(drawn(4000), drawn(4000, 2))
    assert drawn(4000).shape == (4000, 7)
    assert drawn(4000).min() >= 0
    assert drawn(4000).max() < 1
    assert (drawn(4000).mean(0) - 0.5).abs().max() < 0.02


def test_the_draws_decide() -> None:
    x = pictures()
    first, again, other = (diff_augment(x, drawn(4, seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == x.shape


def test_each_picture_goes_its_own_way_by_its_own_draw() -> None:
    same = pictures(1).expand(6, -1, -1, -1)
    out = diff_augment(same, drawn(6))
    assert len({tuple(picture.flatten().tolist()) for picture in out}) == 6
    for number in range(6):
        alone = diff_augment(same[:1], drawn(6)[number : number + 1])
        torch.testing.assert_close(alone[0], out[number])


def test_gradients_flow_to_the_pixels_that_are_left() -> None:
    x = pictures().requires_grad_()
    diff_augment(x, drawn(4)).square().sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert (x.grad != 0).float().mean() > 0.5


def test_grey_stays_grey() -> None:
    grey = pictures()[:, :1].expand(-1, 3, -1, -1)
    out = diff_augment(grey, drawn(4))
    assert torch.equal(out[:, 0], out[:, 1])
    assert torch.equal(out[:, 0], out[:, 2])


@pytest.mark.parametrize(("draw", "down", "right"), [((0.0, 0.0), 4, 4), ((0.5, 0.5), 0, 0), ((0.999, 0.0), -4, 4)])
def test_translate_shifts_by_up_to_an_eighth_and_fills_with_zeros(
    draw: tuple[float, float], down: int, right: int
) -> None:
    x = pictures(1)
    by_hand = torch.zeros_like(x)
    for y in range(32):
        for column in range(32):
            if 0 <= y - down < 32 and 0 <= column - right < 32:
                by_hand[0, :, y, column] = x[0, :, y - down, column - right]
    assert torch.equal(_translate(x, torch.tensor([draw])), by_hand)


def test_translate_draws_every_shift_as_often() -> None:
    marked = torch.zeros(1, 3, 32, 32)
    marked[..., 16, 16] = 1
    random = torch.rand(4500, 2, generator=torch.Generator().manual_seed(0))
    moved = _translate(marked.expand(4500, -1, -1, -1), random)[:, 0]
    rows = moved.sum(2).argmax(1)
    shares = torch.bincount(rows, minlength=32) / 4500
    assert shares[:12].sum() == shares[21:].sum() == 0
    assert (shares[12:21] - 1 / 9).abs().max() < 0.02


@pytest.mark.parametrize("size", [32, 64])
def test_cutout_is_a_square_of_half_the_side(size: int) -> None:
    out = _cutout(torch.ones(1, 3, size, size), torch.tensor([[0.5, 0.5]]))
    assert set(out.unique().tolist()) == {0.0, 1.0}
    assert (out[0, 0] == 0).sum() == (size // 2) ** 2
    assert torch.equal(out[0, 0], out[0, 2])


def test_cutout_at_a_corner_is_cut_off_there() -> None:
    out = _cutout(torch.ones(1, 3, 32, 32), torch.tensor([[0.0, 0.0]]))
    assert (out[0, 0, :8, :8] == 0).all()
    assert (out[0, 0, 8:] == 1).all()
    assert (out[0, 0, :, 8:] == 1).all()


def test_colour_against_the_papers_formulas() -> None:
    x = pictures(1)
    neutral = torch.tensor([[0.5, 0.5, 0.5]])
    torch.testing.assert_close(_colour(x, neutral), x)
    torch.testing.assert_close(_colour(x, torch.tensor([[0.9, 0.5, 0.5]])), x + 0.4)
    grey = x.mean(1, keepdim=True)
    torch.testing.assert_close(_colour(x, torch.tensor([[0.5, 0.0, 0.5]])), grey.expand_as(x))
    middle = x.mean()
    torch.testing.assert_close(_colour(x, torch.tensor([[0.5, 0.5, 0.0]])), (x - middle) * 0.5 + middle)
