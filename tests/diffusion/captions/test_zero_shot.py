"""Zero-shot attributes: the nearest text, under names that can't be mistaken for known attributes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoProcessor

import tiny_models
from unseen.core.errors import UserError
from unseen.diffusion.captions.settings import ATTRIBUTES
from unseen.diffusion.captions.zero_shot import ZeroShot

CPU = torch.device("cpu")
PICTURES = tiny_models.pictures(9)


@pytest.mark.parametrize("name", ["clip", "siglip", "siglip2"])
def test_the_nearest_text_wins_as_in_the_models_own_logits(models: Path, name: str) -> None:
    guessed = ZeroShot(models / name, ATTRIBUTES, CPU)(PICTURES)
    assert [set(one) for one in guessed] == [{f"zero_shot_{name}" for name in ATTRIBUTES}] * len(PICTURES)
    model, processor = AutoModel.from_pretrained(models / name), AutoProcessor.from_pretrained(models / name)
    padding: Any = {"padding": True} if name == "clip" else {"padding": "max_length", "max_length": 64}
    for attribute, values in ATTRIBUTES.items():
        inputs = processor(images=PICTURES, text=list(values.values()), return_tensors="pt", **padding)
        with torch.inference_mode():
            best = model(**inputs).logits_per_image.argmax(1).tolist()
        assert [one[f"zero_shot_{attribute}"] for one in guessed] == [list(values)[place] for place in best]
    assert len({tuple(one.values()) for one in guessed}) > 1, "the pictures matter"


def test_a_guess_does_not_depend_on_the_batch_or_on_other_attributes(models: Path) -> None:
    together = ZeroShot(models / "clip", ATTRIBUTES, CPU)(PICTURES)
    alone = ZeroShot(models / "clip", {"age": ATTRIBUTES["age"]}, CPU)
    assert [one["zero_shot_age"] for one in together] == [alone([one])[0]["zero_shot_age"] for one in PICTURES]


def test_another_type_of_model_is_refused(models: Path) -> None:
    with pytest.raises(
        UserError, match=r"'blip', which is not a model for zero-shot .* supported: clip, siglip, siglip2"
    ):
        ZeroShot(models / "blip", ATTRIBUTES, CPU)
