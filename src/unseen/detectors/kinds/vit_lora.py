"""A vision transformer trained with low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) on its `qkv` layers.

After training the adapters are merged into the network's weights, so scoring needs no `peft` and no extra time. The
adapter alone is stored below `parts` of the artifact, in peft's format. With rank 16 on ViT-B/16, 0.6 M of 86 M
parameters are trained.
"""

import difflib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, cast

import safetensors.torch
import timm
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from unseen.core.errors import UserError
from unseen.core.runtime import seeded
from unseen.core.settings import Settings as Block
from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned, created
from unseen.detectors.shared.base import Detector, History, Rows, Task
from unseen.detectors.shared.settings import FrozenSteps, NetworkSettings
from unseen.detectors.shared.single_center import single_center_loss

TARGET = "qkv"
"""timm's name of the adapted layers, which compute queries, keys and values."""


class SingleCenterSettings(Block):
    """An extra loss that pulls reals to a learned center and pushes fakes away from it (Li et al. 2021, CVPR)."""

    weight: float = Field(0.5, gt=0, description="weight of this loss; the log loss has weight 1")
    margin: float = Field(0.3, ge=0, description="in units of the square root of the number of features")


class Settings(NetworkSettings):
    """Only the adapters and the head are trained."""

    kind: Literal["vit_lora"]
    backbone: str = Field("vit_base_patch16_224", pattern=r"^vit_[a-z0-9_.]+$", description="timm name of a ViT")
    input_size: int = Field(224, ge=32, le=512, multiple_of=32, description="pixels the network sees")
    frozen_steps: FrozenSteps = 0
    learning_rate: float = Field(0.001, gt=0, lt=1)
    rank: int = Field(16, ge=1, le=256, description="rank of the adapters")
    alpha: int = Field(32, ge=1, description="the adapters' output is scaled by alpha / rank")
    lora_dropout: float = Field(0.1, ge=0, lt=1, description="before the adapters")
    single_center: SingleCenterSettings | None = Field(
        None, description="single-center loss beside the log loss; `{}` for its defaults"
    )


class VitLora(Backboned):
    """A timm ViT and a linear head; it has adapters between `attach` and `merge`."""

    center: nn.Parameter | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.register_parameter("center", None)
        self._parts: dict[str, bytes] = {}

    def attach(self, settings: Settings) -> None:
        """Attach adapters, initialised to the identity; and a center of the reals at 0 if the loss needs one."""
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

    def merge(self, settings: Settings) -> None:
        """Merge the adapters into the network, and keep a copy of them for `parts`, in peft's format."""
        from peft import get_peft_model_state_dict

        state: dict[str, Tensor] = get_peft_model_state_dict(self.network)
        # The head of `timm.create_model(backbone, num_classes=1)`.
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

    def trainable(self) -> Iterable[nn.Parameter]:
        """The adapters, the center and the head."""
        yield from (weight for name, weight in self.named_parameters() if "lora_" in name or name == "center")
        yield from self.classifier.parameters()

    def parts(self) -> dict[str, bytes]:
        """The adapter and the head, without the pretrained network."""
        return self._parts

    def loss(self, pixels: Tensor, labels: Tensor, rows: Rows, task: Task) -> Tensor:
        """Log loss, and the single-center loss on the features before the head if it is set."""
        knobs = cast(Settings, task.settings).single_center
        features = self.features(pixels)
        logits: Tensor = self.classifier(features)
        loss = functional.binary_cross_entropy_with_logits(logits.flatten().float(), labels)
        if knobs:
            assert self.center is not None
            loss = loss + knobs.weight * single_center_loss(features.float(), labels, self.center, knobs.margin)
        return loss


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector on a pretrained ViT, without adapters yet.

    Raises:
        UserError: timm has no such ViT, or `input_size` is not a multiple of its patch size; or see `created`.
    """
    _check(settings.backbone, settings.input_size)
    # Position embeddings are interpolated to the input size.
    return created(VitLora, settings.backbone, settings, weights, dynamic_img_size=True)


def _check(backbone: str, input_size: int) -> None:
    try:
        with torch.device("meta"):
            network: Any = timm.create_model(backbone, pretrained=False, num_classes=0, dynamic_img_size=True)
    except (RuntimeError, TypeError) as error:
        near = difflib.get_close_matches(backbone, timm.list_models("vit_*"), n=1)
        hint = f"; did you mean `{near[0]}`?" if near and near[0] != backbone else ""
        raise UserError(f"`backbone` is {backbone!r}, which is not a ViT of timm ({error}){hint}") from None
    if not any(name.endswith(f".{TARGET}") for name, _ in network.named_modules()):
        raise UserError(f"`backbone` is {backbone!r}, which has no `{TARGET}` layers to adapt; choose another ViT")
    patch = network.patch_embed.feat_ratio()
    if input_size % patch:
        raise UserError(
            f"`input_size` is {input_size}, but `{backbone}` has patches of {patch} px; set a multiple of {patch}"
        )


restore = VitLora.restore


def fit(model: Detector, task: Task) -> History:
    """Train adapters and head (see `loop.fit`), then merge the adapters into the network."""
    assert isinstance(model, VitLora)
    settings = cast(Settings, task.settings)
    with seeded(task.seed, "adapters"):
        model.attach(settings)
    history = loop.fit(model, task)
    model.merge(settings)
    return history
