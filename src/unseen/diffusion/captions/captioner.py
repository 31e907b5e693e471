"""Caption models: BLIP and ViT-GPT2, through their classes of transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from unseen.core.errors import UserError
from unseen.data.pictures import Pixels
from unseen.diffusion.captions.model_folder import ModelFolder, open_model
from unseen.diffusion.captions.settings import CaptionSettings

KINDS = ("blip", "vision-encoder-decoder")
"""The types of caption models that can be loaded. The second is ViT-GPT2."""

LOCAL: dict[str, Any] = {"local_files_only": True}
WEIGHTS: dict[str, Any] = {**LOCAL, "use_safetensors": True}


def quiet() -> None:
    """Turn off the progress bars and notes of transformers; errors are raised in any case."""
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def loaded(load: Callable[..., Any], folder: Path, options: dict[str, Any]) -> Any:
    """Load a model or processor of transformers from a local folder.

    Raises:
        UserError: a file is missing or damaged.
    """
    try:
        return load(folder, **options)
    except Exception as error:  # of many types: files that are missing, damaged or of another version
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"{folder}: transformers can't load it ({lines[0][:200]}); complete `files` of its block in `hub`, or "
            "fetch it again"
        ) from error


def one_line(text: str) -> str:
    """A caption without line breaks, or double or outer spaces."""
    return " ".join(text.split())


class Captioner:
    """A loaded caption model."""

    def __init__(self, folder: Path, settings: CaptionSettings, device: torch.device) -> None:
        """Load the model in a folder.

        Raises:
            UserError: its type is not one of `KINDS`, it can't be loaded, or takes no prefix.
        """
        self.folder: ModelFolder = open_model(folder, KINDS, "caption model")
        if settings.prefix and self.folder.kind != "blip":
            raise UserError(f"{folder}: a {self.folder.kind} model takes no `prefix`; remove it from `captions`")
        from transformers import (
            AutoImageProcessor,
            AutoTokenizer,
            BlipForConditionalGeneration,
            BlipProcessor,
            VisionEncoderDecoderModel,
        )

        quiet()
        model: Any
        if self.folder.kind == "blip":
            model = loaded(BlipForConditionalGeneration.from_pretrained, folder, WEIGHTS)
            processor = loaded(BlipProcessor.from_pretrained, folder, LOCAL)
            self._images: Any = processor.image_processor
            self._tokenizer: Any = processor.tokenizer
        else:
            model = loaded(VisionEncoderDecoderModel.from_pretrained, folder, WEIGHTS)
            self._images = loaded(AutoImageProcessor.from_pretrained, folder, LOCAL)
            self._tokenizer = loaded(AutoTokenizer.from_pretrained, folder, LOCAL)
        self._model, self._device, self._settings = model.float().eval().to(device), device, settings

    @torch.inference_mode()
    def __call__(self, pictures: Sequence[Pixels]) -> list[str]:
        """The captions of pictures, uint8 [h, w, 3]. A caption does not depend on the other pictures."""
        seen = self._images(images=list(pictures), return_tensors="pt")
        inputs = {"pixel_values": seen["pixel_values"].to(self._device)}
        if self._settings.prefix:
            text = self._tokenizer([self._settings.prefix] * len(pictures), return_tensors="pt")
            inputs |= {key: text[key].to(self._device) for key in ("input_ids", "attention_mask")}
        tokens = self._model.generate(
            **inputs,
            do_sample=False,
            num_beams=self._settings.num_beams,
            max_new_tokens=self._settings.max_new_tokens,
        )
        return [one_line(text) for text in self._tokenizer.batch_decode(tokens, skip_special_tokens=True)]
