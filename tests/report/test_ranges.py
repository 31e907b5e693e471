"""The range in which a rate of another run must lie."""

import numpy as np
import pytest

from unseen.report.ranges import LEVEL, WIDE, stated_range


def ends(value: float, seeds: list[float], trainings: list[float] | None = None, n: int = 100) -> list[float]:
    of_detector, of_generator = (dict(zip("456", rates, strict=False)) for rates in (seeds, trainings or []))
    found = stated_range(value, of_detector, of_generator, n)
    assert found
    return found


def test_trainings_that_agree_leave_the_sampling_of_faces() -> None:
    low, high = ends(0.5, [0.5, 0.5, 0.5])
    assert (high - low) / 2 == pytest.approx(2.576 * np.sqrt(2 * 0.25 / 100), rel=0.03)
    low, high = ends(1.0, [1.0, 1.0, 1.0])
    assert high == 1.0
    assert 0.96 < low < 0.97


def test_one_training_has_no_range() -> None:
    assert stated_range(0.9, {"4": 0.9}, {"4": 0.8, "5": 1.0}, 100) is None


def test_the_range_is_wider_where_trainings_differ_more() -> None:
    def width(*parts: list[float]) -> float:
        low, high = ends(0.8, *parts, n=400)
        return high - low

    same, near, far = [0.8, 0.8, 0.8], [0.79, 0.8, 0.81], [0.7, 0.8, 0.9]
    assert width(same) < width(near) < width(far)
    assert width(same) == width(same, near) < width(same, far) < width(far), "near is less than sampling alone"
    assert width(far) > WIDE


def test_it_covers_another_run() -> None:
    """Runs whose networks are drawn anew: true rates that differ by training of the detector and of the GAN."""
    random = np.random.default_rng(0)
    n, runs = 66, 600

    def rates() -> np.ndarray:
        logits = 1.0 + random.normal(0, 0.2, (runs, 3, 1)) + random.normal(0, 0.2, (runs, 1, 3))
        return random.binomial(n, 1 / (1 + np.exp(-logits))) / n

    held, widths = [], []
    for ours, theirs in zip(rates(), rates(), strict=True):
        low, high = ends(ours.mean(), ours.mean(1).tolist(), ours.mean(0).tolist(), 3 * n)
        held.append(low <= theirs.mean() <= high)
        widths.append(high - low)
    assert np.mean(held) >= LEVEL - 0.02
    assert np.median(widths) < 0.6
