"""Caption models: what they say does not depend on the batch, and what can't be loaded is refused in one line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_models
from unseen.core.errors import UserError
from unseen.diffusion.captions.captioner import Captioner
from unseen.diffusion.captions.settings import CaptionSettings

CPU = torch.device("cpu")
PICTURES = tiny_models.pictures(9)


def settings(**changes: Any) -> CaptionSettings:
    knobs = {"of": "faces/people", "model": "hub/blip", "attribute_model": "none", "max_new_tokens": 8}
    return CaptionSettings(**{**knobs, **changes})


@pytest.mark.parametrize(
    ("model", "changes"),
    [("blip", {}), ("blip", {"prefix": "a photo of"}), ("blip", {"num_beams": 2}), ("vit_gpt2", {})],
)
def test_a_caption_does_not_depend_on_the_batch(models: Path, model: str, changes: dict[str, Any]) -> None:
    captioner = Captioner(models / model, settings(**changes), CPU)
    together = captioner(PICTURES)
    assert len(set(together)) > 3, "the pictures matter"
    assert together == [captioner([picture])[0] for picture in PICTURES]
    assert together == [text for first in (0, 4, 8) for text in captioner(PICTURES[first : first + 4])]
    assert all(text.startswith(changes.get("prefix", "")) and text == text.strip() for text in together)
    assert not any("[" in text or "<|" in text for text in together if model == "blip"), "no special tokens"


def test_a_caption_has_at_most_so_many_tokens(models: Path) -> None:
    longest = [
        max(len(text.split()) for text in Captioner(models / "blip", settings(max_new_tokens=n), CPU)(PICTURES))
        for n in (3, 8)
    ]
    assert longest[0] <= 3 < longest[1] <= 8


def test_the_card_of_the_hub_names_the_model(models: Path) -> None:
    known = Captioner(models / "blip", settings(), CPU).folder
    assert (known.name, known.revision) == ("somebody/blip", "c" * 40)
    local = Captioner(models / "vit_gpt2", settings(), CPU).folder
    assert (local.name, local.revision) == ("vit_gpt2", "")
    assert known.fingerprint() != local.fingerprint()


def refusal(folder: Path, **changes: Any) -> str:
    with pytest.raises(UserError) as caught:
        Captioner(folder, settings(**changes), CPU)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(str(folder))
    return line


def test_a_model_that_can_not_be_loaded_is_refused(models: Path, tmp_path: Path) -> None:
    assert "`model_type` 'clip', which is not a caption model; supported: blip, vision-encoder-decoder" in refusal(
        models / "clip"
    )
    assert "takes no `prefix`" in refusal(models / "vit_gpt2", prefix="a photo of")
    folder = tmp_path / "blip"
    assert "has no config.json" in refusal(folder)
    shutil.copytree(models / "blip", folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "has no *.safetensors" in refusal(folder)
    (folder / "model.safetensors").write_bytes(b"half a file")
    assert "can't load it" in refusal(folder)
    (folder / "config.json").write_text("{")
    assert "not a JSON object" in refusal(folder)


def test_missing_tokenizer_is_refused(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "vit_gpt2"
    shutil.copytree(models / "vit_gpt2", folder)
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert "complete `files`" in refusal(folder)


def test_the_config_decides_and_not_the_name(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "blip", tmp_path / "vit_gpt2")
    assert Captioner(tmp_path / "vit_gpt2", settings(), CPU).folder.kind == "blip"
    assert json.loads((models / "vit_gpt2/config.json").read_text())["model_type"] == "vision-encoder-decoder"
