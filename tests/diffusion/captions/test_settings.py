"""Settings of captions."""

from typing import Any

import pytest

from unseen.core.errors import UserError
from unseen.core.settings import validated
from unseen.diffusion.captions.settings import ATTRIBUTES, CaptionSettings

KNOBS = {"of": "faces/people", "model": "hub/blip", "attribute_model": "hub/clip"}


def settings(**changes: Any) -> CaptionSettings:
    found: CaptionSettings = validated(CaptionSettings, {**KNOBS, **changes}, "captions.blip")
    return found


def test_study_ds_attributes_are_the_default_where_a_model_guesses() -> None:
    assert settings().attributes == ATTRIBUTES
    assert set(ATTRIBUTES) == {"gender", "age", "group", "emotion"}
    assert settings(attribute_model="none").attributes == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attribute_model": "none", "attributes": ATTRIBUTES}, "`attribute_model` is none"),
        ({"attributes": {}}, "set it to none"),
        ({"attributes": {"hat": {"yes": "a hat"}}}, "two values"),
        ({"attributes": {"zero_shot_hat": {"yes": "a hat", "no": "no hat"}}}, "without `zero_shot_`"),
        ({"attributes": {"hat": {"yes": "", "no": "no hat"}}}, "attributes.hat.yes"),
        ({"attributes": {"hat": {"size": "a hat", "no": "no hat"}}}, "DVC"),
        ({"model": "assets/blip"}, "captions.blip.model"),
        ({"of": "people"}, "captions.blip.of"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        settings(**changes)
