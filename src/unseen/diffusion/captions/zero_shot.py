"""Attributes by zero-shot classification: the text that is nearest to a picture, by CLIP, SigLIP or SigLIP 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unseen.data.face_rows import ZERO_SHOT
from unseen.data.pictures import Pixels
from unseen.diffusion.captions.captioner import LOCAL, WEIGHTS, loaded, quiet
from unseen.diffusion.captions.model_folder import ModelFolder, open_model

KINDS = ("clip", "siglip", "siglip2")
"""The types of models that can be loaded."""

SIGLIP_TOKENS = 64
"""SigLIP was trained on texts that are padded to this length, and needs the same."""


def _vectors(found: Any) -> Tensor:
    """Unit vectors [n, d], from what `get_text_features` and `get_image_features` return."""
    vectors: Tensor = found if isinstance(found, Tensor) else found.pooler_output
    return functional.normalize(vectors.float(), dim=-1)


class ZeroShot:
    """A loaded model, and the vectors of the texts of each attribute."""

    def __init__(self, folder: Path, attributes: Mapping[str, Mapping[str, str]], device: torch.device) -> None:
        """Load the model in a folder.

        Args:
            folder: its folder.
            attributes: texts by value by attribute.
            device: where it computes.

        Raises:
            UserError: its type is not one of `KINDS`, or it can't be loaded.
        """
        self.folder: ModelFolder = open_model(folder, KINDS, "model for zero-shot classification")
        from transformers import AutoModel, AutoProcessor

        quiet()
        model: Any = loaded(AutoModel.from_pretrained, folder, WEIGHTS)
        self._processor: Any = loaded(AutoProcessor.from_pretrained, folder, LOCAL)
        self._model, self._device = model.float().eval().to(device), device
        self._texts = {
            name: (list(values), self._encoded(list(values.values()))) for name, values in attributes.items()
        }

    @torch.inference_mode()
    def _encoded(self, texts: list[str]) -> Tensor:
        padding: dict[str, Any] = {"padding": True}
        if self.folder.kind != "clip":
            padding = {"padding": "max_length", "max_length": SIGLIP_TOKENS}
        inputs = self._processor(text=texts, truncation=True, return_tensors="pt", **padding).to(self._device)
        return _vectors(self._model.get_text_features(**inputs))

    @torch.inference_mode()
    def __call__(self, pictures: Sequence[Pixels]) -> list[dict[str, str]]:
        """For each picture, uint8 [h, w, 3], the value of each attribute, under names that begin with `ZERO_SHOT`."""
        inputs = self._processor(images=list(pictures), return_tensors="pt").to(self._device)
        vectors = _vectors(self._model.get_image_features(**inputs))
        found: list[dict[str, str]] = [{} for _ in pictures]
        for name, (values, texts) in self._texts.items():
            for one, nearest in zip(found, (vectors @ texts.T).argmax(1).tolist(), strict=True):
                one[ZERO_SHOT + name] = values[nearest]
        return found
