"""The calibration without SciPy against the one of the artifact."""

import numpy as np
import pytest

from unseen.core.calibration import Calibration
from unseen.serve.onnx.calibration import FrozenCalibration

KNOWN = Calibration(0.35, 0.65, (0.33, 0.87), 0.05, {"reals": 90}, {"fpr_1": 0.9})


def test_scores_are_the_same_floats() -> None:
    logits = np.random.default_rng(0).normal(0, 30, 10_000)
    found = FrozenCalibration.from_dict(KNOWN.as_dict())
    assert (found.score(logits) == KNOWN.score(logits)).all()
    assert found.as_dict() == KNOWN.as_dict()


@pytest.mark.parametrize(
    "changed",
    [
        {"temperature": 0},
        {"temperature": True},
        {"temperature": 2000},
        {"unsure": [0.9, 0.1]},
        {"unsure": [1]},
        {"threshold": None},
        {"threshold": 1.5},
        {"max_fpr": 2},
        {"unsure_tail": 0.6},
        {"at_fpr": {"fpr_1": "0.9"}},
    ],
)
def test_a_wrong_value_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"calibration.{next(iter(changed))}"):
        FrozenCalibration.from_dict(KNOWN.as_dict() | changed)
