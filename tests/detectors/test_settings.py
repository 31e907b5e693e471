"""Knobs of a detector that can't be meant."""

from typing import Any

import pytest
from pydantic import ValidationError

from .networks import knobs

MIX = {"pixels": 0.2, "frequencies": 0.2, "most": 0.8}
OTHER = {"kind": "efficientnet_lite0", "weights": "none"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch": 9}, "multiple of 2"),
        ({"schedule": "plateau"}, "`schedule: plateau` needs a `patience` of 2 or more"),
        ({"schedule": "plateau", "patience": 1}, "`schedule: plateau` needs a `patience` of 2 or more"),
        ({"mix": MIX}, "`mix` needs `paired: true`"),
        ({"mix": MIX | {"most": 1.1}, "paired": True}, "less than or equal to 1"),
        ({"frozen_steps": 0, "frozen_learning_rate": 0.01}, "`frozen_learning_rate` needs `frozen_steps` above 0"),
        (OTHER | {"dropout": 1.0}, "less than 1"),
        (OTHER | {"ela": {"quality": 0, "scale": 10}}, "greater than or equal to 1"),
        ({"optimizer": "lion"}, "'adamw', 'adam' or 'sgd'"),
        ({"schedule": "step"}, "'cosine', 'constant' or 'plateau'"),
        ({"learning_rate": 0}, "greater than 0"),
        ({"patience": -1}, "greater than or equal to 0"),
        ({"weights": "../elsewhere"}, "should match pattern"),
        ({"epochs": 3}, "epochs"),
    ],
)
def test_what_can_not_be_meant_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        knobs(**wrong)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "right",
    [
        {"schedule": "plateau", "patience": 2},
        {"paired": True, "mix": MIX},
        {"frozen_steps": 1, "frozen_learning_rate": 0.01},
        OTHER | {"dropout": 0.5, "ela": {"quality": 90, "scale": 10}},
        {"weights": "hub/resnet50"},
    ],
)
def test_what_can_be_meant_is_taken(right: dict[str, Any]) -> None:
    settings = knobs(**right).model_dump()
    assert {name: settings[name] for name in right} == right
