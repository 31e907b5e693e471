"""What `ensembles` may say of detectors."""

from typing import Any

import pytest

from unseen.core.errors import UserError
from unseen.core.settings import validated
from unseen.core.yaml_text import read_yaml
from unseen.params.check import Params
from unseen.params.references import check

GOOD = {"dct_logistic": 1.0, "efficientnet_lite0": 0.5, "discriminator": 2.0}


def params(data: dict[str, Any], **ensembles: dict[str, float]) -> Params:
    blocks = {name: {"members": members} for name, members in ensembles.items()}
    found: Params = validated(Params, data | {"ensembles": blocks}, "")
    return found


def test_ensembles_are_measured_beside_detectors(params_data: dict[str, Any]) -> None:
    found = params(params_data, three=GOOD, two={"dct_logistic": 1.0, "discriminator": 1.0})
    check(found)
    assert found.scored_names() == [*params_data["detectors"], "three", "two"]


@pytest.mark.parametrize(
    ("name", "members", "message"),
    [
        (
            "both",
            {"efficientnet": 1.0, "dct_logistic": 1.0},
            "params: `ensembles.both.members.efficientnet` is not a detector; allowed: ",
        ),
        ("both", {"efficientnet": 1.0, "dct_logistic": 1.0}, "; did you mean `efficientnet_lite0`?"),
        (
            "both",
            {"three": 1.0, "dct_logistic": 1.0},
            "params: `ensembles.both.members.three` is an ensemble, not a detector; name its members, "
            "dct_logistic, efficientnet_lite0, discriminator",
        ),
        ("both", {"both": 1.0, "dct_logistic": 1.0}, "`ensembles.both.members.both` is an ensemble, not a detector"),
        ("dct_logistic", GOOD, "params: `ensembles.dct_logistic` has the name of a detector; rename one"),
    ],
)
def test_invalid_ensembles_are_one_line(
    params_data: dict[str, Any], name: str, members: dict[str, float], message: str
) -> None:
    with pytest.raises(UserError) as error:
        check(params(params_data, three=GOOD, **{name: members}))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_member_that_is_named_twice_is_one_line(tmp_path: Any) -> None:
    (tmp_path / "params.yaml").write_text("members:\n  a: 1.0\n  b: 1.0\n  a: 2.0\n")
    with pytest.raises(UserError, match="duplicate key `a`"):
        read_yaml(tmp_path / "params.yaml")
