"""The losses of a fair detector, on numbers worked by hand."""

import numpy as np
import pytest
import torch

from unseen.core.errors import UserError
from unseen.data.pictures import Faces
from unseen.detectors.shared.fairness import adain, bi_level, cvar, groups_of, triplets

LOSSES = [3.0, 1.0, 4.0, 2.0]


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (1.0, 2.5),  # the mean
        (0.5, 3.5),  # of 4 and 3
        (0.25, 4.0),  # the largest
        (0.1, 4.0),
        (0.375, 5.5 / 1.5),  # 4 and half of 3
        (0.9, (4 + 3 + 2 + 0.6) / 3.6),
    ],
)
def test_cvar_by_hand(alpha: float, expected: float) -> None:
    assert float(cvar(torch.tensor(LOSSES), alpha)) == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [0.05, 0.3, 0.5, 0.77, 1.0])
@pytest.mark.parametrize("count", [1, 7, 40])
def test_cvar_is_the_minimum_that_defines_it(alpha: float, count: int) -> None:
    losses = torch.rand(count, generator=torch.Generator().manual_seed(count), dtype=torch.float64) * 3
    thresholds = torch.cat([torch.linspace(-1, 4, 50_001, dtype=torch.float64), losses])
    values = thresholds + (losses[None] - thresholds[:, None]).clamp(min=0).mean(1) / alpha
    assert float(cvar(losses, alpha)) == pytest.approx(float(values.min()), abs=1e-12)


def test_gradients_flow_to_the_worst_alone() -> None:
    losses = torch.tensor(LOSSES, requires_grad=True)
    cvar(losses, 0.375).backward()
    assert losses.grad is not None
    np.testing.assert_allclose(losses.grad, [0.5 / 1.5, 0, 1 / 1.5, 0], rtol=1e-6)


def test_bi_level_by_hand() -> None:
    """The worse halves: of group 0, of 3 and 4, 4; of group 5, of 1, 2, 6 and 7, 6.5; of group 2, 0. Two count."""
    losses = torch.tensor([3.0, 1.0, 4.0, 2.0, 0.0, 6.0, 7.0], requires_grad=True)
    groups = torch.tensor([0, 5, 0, 5, 2, 5, 5])
    loss = bi_level(losses, groups, 2 / 3, 0.5)
    assert float(loss.detach()) == pytest.approx((4 + 6.5) / 2)
    loss.backward()
    assert losses.grad is not None
    np.testing.assert_allclose(losses.grad, [0, 0, 0.5, 0, 0, 0.25, 0.25], rtol=1e-5, atol=1e-6)


def test_bi_level_of_whole_groups_is_the_mean_of_their_means() -> None:
    """However small a group is, it weighs as much."""
    losses, groups = torch.tensor([1.0, 1.0, 1.0, 5.0]), torch.tensor([0, 0, 0, 1])
    assert float(bi_level(losses, groups, 1.0, 1.0)) == pytest.approx(3)


def test_triplets_by_hand() -> None:
    """On a line: reals at 0 and 1, a fake at 3. From 0: 1 - 3 + 4; from 1: 1 - 2 + 4; the fake has none alike."""
    features, labels = torch.tensor([[0.0], [1.0], [3.0]], requires_grad=True), torch.tensor([0.0, 0.0, 1.0])
    assert float(triplets(features, labels, 4.0).detach()) == pytest.approx((2 + 3) / 2)
    assert float(triplets(features, labels, 1.5).detach()) == pytest.approx((0 + 0.5) / 2)
    loss = triplets(torch.cat([features, features]), torch.cat([labels, labels]), 1.0)
    loss.backward()
    assert features.grad is not None
    assert features.grad.isfinite().all(), "two faces at one place"


def test_triplets_without_any_are_nothing() -> None:
    assert float(triplets(torch.rand(2, 3), torch.tensor([0.0, 1.0]), 3.0)) == 0


def test_adain_gives_the_content_the_moments_of_the_style() -> None:
    content = torch.tensor([1.0, 3.0, 1.0, 3.0]).view(1, 1, 2, 2)
    style = torch.tensor([10.0, 20.0, 30.0, 40.0]).view(1, 1, 2, 2)
    deviation = float(style.std(correction=0))
    expected = torch.tensor([25 - deviation, 25 + deviation] * 2).view(1, 1, 2, 2)
    torch.testing.assert_close(adain(content, style), expected, atol=1e-3, rtol=0)
    maps = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(adain(maps, maps), maps, atol=1e-3, rtol=0)


def with_attributes(*attributes: dict[str, str], labels: list[int]) -> Faces:
    """As shards give them: pairs of names and values."""
    pairs: list[object] = [sorted(each.items()) for each in attributes]
    columns: dict[str, list[object]] = {"label": list(labels), "attributes": pairs}
    return Faces(np.zeros((len(labels), 2, 2, 3), np.uint8), columns)


WOMAN, MAN = {"gender": "woman", "race": "asian"}, {"gender": "man", "race": "asian"}


def test_groups_are_combinations_of_what_is_asked_for() -> None:
    faces = with_attributes(
        WOMAN, MAN, {"gender": "man"}, {}, {"gender": "man", "race": "black"}, labels=[0, 1, 0, 1, 1]
    )
    groups, count = groups_of(faces, ["gender"])
    assert (groups.tolist(), count) == ([1, 0, 0, -1, 0], 2)
    groups, count = groups_of(faces, ["gender", "race"])
    assert (groups.tolist(), count) == ([2, 0, -1, -1, 1], 3)


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        (with_attributes({}, {}, labels=[0, 1]), "no real training face has it.*`attributes`"),
        (with_attributes(WOMAN, MAN, {"prompt": "a"}, labels=[0, 0, 1]), "no fake training face has it"),
        (with_attributes(MAN, MAN, labels=[0, 1]), "all training faces are man"),
    ],
)
def test_faces_that_are_in_no_groups_are_one_line(faces: Faces, message: str) -> None:
    with pytest.raises(UserError, match=f"`groups` asks for gender, but {message}") as error:
        groups_of(faces, ["gender"])
    assert "\n" not in str(error.value)
