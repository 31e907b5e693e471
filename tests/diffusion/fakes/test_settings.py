"""Settings that make no sense are refused."""

from typing import Any

import pytest

from diffusion.fakes.knobs import SET, WHOLE, settings
from unseen.core.errors import UserError
from unseen.core.settings import validated
from unseen.diffusion.fakes.settings import DiffuseSettings


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"strength": 0.09}, "int(10 x 0.09) steps are run, which is none; raise `steps` or `strength`"),
        ({"negative_prompt": "blur"}, "`negative_prompt` has no effect with `guidance` of 1 or less"),
        ({"gram": {}}, "`gram` needs weights of VGG-19, but `gram_weights` is none; add `vgg19: {repo: timm/vgg19"),
        ({"gram_weights": "hub/vgg19"}, "`gram_weights` is given, but `gram` is not"),
        ({"prompt": "{a.b}"}, "`{a.b}` in the prompt is not a plain name"),
        ({"side": 60}, "`d.side` is 60: input should be a multiple of 8"),
        ({"scheduler": "ddim"}, "`d.scheduler` is 'ddim'"),
        ({"model": "stabilityai/sd-turbo"}, "`d.model` is 'stabilityai/sd-turbo'"),
        ({"safety_checker": "off"}, "allowed: none, drop"),
    ],
)
def test_one_line(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        validated(DiffuseSettings, SET | WHOLE | changed, "d")
    assert message in str(error.value)


def test_strength_of_text_to_image_does_not_matter() -> None:
    assert settings(mode="text_to_image", steps=1, strength=0.5).steps == 1
    assert settings(strength=0.1).strength == 0.1
    assert settings(gram={"threshold": 1.0}, gram_weights="assets/vgg").generator == "tiny"
