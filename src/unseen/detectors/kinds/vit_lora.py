"""A vision transformer that learns by low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) on its `qkv` layers.

It wears them only while it is fitted. Then they are merged into its weights, so that scoring costs nothing more and
needs no `peft`; the adapter alone is kept among the artifact's parts, for anybody who has the pretrained network.
"""

import difflib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import safetensors.torch
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from unseen.core.errors import UserError
from unseen.core.runtime import seeded
from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned, created
from unseen.detectors.shared.base import Detector, History, Rows, Task
from unseen.detectors.shared.settings import FittedSettings, VitLoraSettings
from unseen.detectors.shared.single_center import single_center_loss

TARGET = "qkv"
"""The layers that are adapted: timm's name for queries, keys and values, which are one layer there."""


class VitLora(Backboned):
    """A timm ViT and a linear head; with adapters on it between `put_on` and `take_off`."""

    center: nn.Parameter | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.register_parameter("center", None)
        self._parts: dict[str, bytes] = {}

    def put_on(self, settings: VitLoraSettings) -> None:
        """Adapters that change nothing yet, and the center of the reals, at 0, where the loss asks for one."""
        try:
            from peft import LoraConfig, get_peft_model  # takes seconds, and only training needs it
        except ImportError:
            raise UserError("`kind: vit_lora` is trained with peft: `pip install -e '.[lora]'`") from None
        adapters = LoraConfig(
            target_modules=[TARGET],
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.lora_dropout,
            bias="none",
        )
        self.network = get_peft_model(self.network, adapters)
        if settings.single_center:
            self.center = nn.Parameter(torch.zeros(self.network.num_features))

    def take_off(self, settings: VitLoraSettings) -> None:
        """Merge the adapters into the network, and keep them apart, as files in peft's own format."""
        from peft import get_peft_model_state_dict

        state: dict[str, Tensor] = get_peft_model_state_dict(self.network)
        # As if the network had this classifier: `timm.create_model(backbone, num_classes=1)`.
        state |= {f"base_model.model.head.{key}": value for key, value in self.classifier[-1].named_parameters()}
        card = {
            "peft_type": "LORA",
            "base_model_name_or_path": settings.backbone,
            "r": settings.rank,
            "lora_alpha": settings.alpha,
            "lora_dropout": settings.lora_dropout,
            "target_modules": [TARGET],
            "modules_to_save": ["head"],
            "bias": "none",
            "inference_mode": True,
        }
        plain = {key: value.detach().cpu().contiguous() for key, value in state.items()}
        self._parts = {
            "adapter_model.safetensors": safetensors.torch.save(plain),
            "adapter_config.json": (json.dumps(card, indent=2) + "\n").encode(),
        }
        self.network, self.center = self.network.merge_and_unload(), None

    def opened(self) -> Iterable[nn.Parameter]:
        """The adapters, the center and the head."""
        yield from (weight for name, weight in self.named_parameters() if "lora_" in name or name == "center")
        yield from self.classifier.parameters()

    def parts(self) -> dict[str, bytes]:
        """The adapter and the head, without the network they were trained on."""
        return self._parts

    def loss(self, pixels: Tensor, labels: Tensor, rows: Rows, task: Task) -> Tensor:
        """Log loss, and single-center loss on the features before the head."""
        assert isinstance(task.settings, VitLoraSettings)
        features = self.features(pixels)
        logits: Tensor = self.classifier(features)
        loss = functional.binary_cross_entropy_with_logits(logits.flatten().float(), labels)
        if task.settings.single_center:
            assert self.center is not None
            knobs = task.settings.single_center
            loss = loss + knobs.weight * single_center_loss(features.float(), labels, self.center, knobs.margin)
        return loss


def create(settings: FittedSettings, weights: Path, size: int) -> Detector:
    """A detector on a pretrained ViT, without adapters yet.

    Raises:
        UserError: timm has no such ViT, or it can't take pictures of this size; or see `created`.
    """
    assert isinstance(settings, VitLoraSettings)
    _check(settings.backbone, settings.input_size)
    # Its table of places is resampled to the size of the picture.
    return created(VitLora, settings.backbone, settings, weights, dynamic_img_size=True)


def _check(backbone: str, input_size: int) -> None:
    try:
        with torch.device("meta"):
            network: Any = timm.create_model(backbone, pretrained=False, num_classes=0, dynamic_img_size=True)
    except (RuntimeError, TypeError) as error:
        near = difflib.get_close_matches(backbone, timm.list_models("vit_*"), n=1)
        hint = f"; did you mean `{near[0]}`?" if near and near[0] != backbone else ""
        raise UserError(f"`backbone` is {backbone!r}, which is no ViT of timm's ({error}){hint}") from None
    if not any(name.endswith(f".{TARGET}") for name, _ in network.named_modules()):
        raise UserError(f"`backbone` is {backbone!r}, which has no `{TARGET}` layers to adapt; take another ViT")
    patch = network.patch_embed.feat_ratio()
    if input_size % patch:
        raise UserError(
            f"`input_size` is {input_size}, but `{backbone}` sees patches of {patch} px; give a multiple of {patch}"
        )


def restore(config: dict[str, Any]) -> Detector:
    """The same network, merged, for weights that are loaded afterwards."""
    return VitLora(**config)


def fit(model: Detector, task: Task) -> History:
    """See `loop.fit`: adapters and head learn, and are then merged into the network."""
    assert isinstance(model, VitLora)
    assert isinstance(task.settings, VitLoraSettings)
    with seeded(task.seed, "adapters"):
        model.put_on(task.settings)
    history = loop.fit(model, task)
    model.take_off(task.settings)
    return history
