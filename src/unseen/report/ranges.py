"""The range in which a rate of another run of the same params must lie.

Another machine has the same pictures, people, splits and training seeds, but sums floating-point numbers in another
order. Trainings amplify this, so each of its networks is, in effect, drawn anew: those of the detectors and those of
the GANs that draw the fakes. The people are not drawn anew, so the interval over people is not part of the range.

With `p` a rate (AUC, TPR or FPR), all terms are variances of `asin(sqrt(p))`, whose sampling variance is `1 / (4 n)`
for every `p`, also for 0 and 1:

    v = a + b + c
    a = s^2 (1 + 1/k)              s: standard deviation over the k training seeds of the detector
    b = max(0, 2 u^2 / g - c)      u: standard deviation over the g trainings of the GAN that drew the fakes
    c = 1 / (2 n)                  n: fakes of an AUC or TPR, reals of an FPR

The range is `p +- t sqrt(v)` on that scale, with `t` the quantile of Student's distribution for a range of LEVEL, and
Welch and Satterthwaite's degrees of freedom, `v^2 / (a^2 / (k-1) + b^2 / (g-1))`.

`a` has `1 + 1/k`, as for one new training, and not `2/k`, as for the mean of k new ones. This is a margin: the
detectors of a run have the same reals and the same initial weights, so they may all be off to the same side. `c` is
the sampling of the fakes of both runs: an AUC is the mean over fakes of a number from 0 to 1, so its variance over
fakes is at most that of a rate. `u` contains the sampling of its fakes, so `c` is subtracted. For an FPR, and for the
fakes of a source, both runs have the same
faces; `c` is then only a floor, because trainings that agree would otherwise give a range without width.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.stats import t

LEVEL = 0.99
"""Coverage of one range. A run has dozens, and all of them must hold."""

WIDE = 0.5
"""A wider range says next to nothing about a rate, so nothing is stated."""


def _angles(rates: Mapping[str, float]) -> npt.NDArray[np.float64]:
    return np.asarray(np.arcsin(np.sqrt(np.clip(list(rates.values()), 0, 1))))


def stated_range(
    value: float, seeds: Mapping[str, float], generator_seeds: Mapping[str, float], n: int
) -> list[float] | None:
    """Return the lowest and highest value that another run may have.

    Args:
        value: the mean over training seeds.
        seeds: the value of each training seed of the detector.
        generator_seeds: the value on the fakes of each training of their GAN; empty if it does not depend on them.
        n: number of faces that are the units of the rate.

    Returns:
        The two ends; None for one training seed, which has no standard deviation.
    """
    if len(seeds) < 2:
        return None
    k, g = len(seeds), len(generator_seeds)
    c = 1 / (2 * n)
    a = _angles(seeds).var(ddof=1) * (1 + 1 / k)
    b = max(0.0, _angles(generator_seeds).var(ddof=1) * 2 / g - c) if g > 1 else 0.0
    v = a + b + c
    uncertain = a**2 / (k - 1) + (b**2 / (g - 1) if g > 1 else 0.0)
    half = t.ppf((1 + LEVEL) / 2, v**2 / uncertain if uncertain else np.inf) * np.sqrt(v)
    middle = np.arcsin(np.sqrt(np.clip(value, 0, 1)))
    low, high = np.sin(np.clip([middle - half, middle + half], 0, np.pi / 2)) ** 2
    return [float(low), float(high)]
