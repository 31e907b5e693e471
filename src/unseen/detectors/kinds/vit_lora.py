"""A vision transformer trained with low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685).

After training the adapters are merged into the network's weights, so scoring needs no `peft` and no extra time. The
adapter alone is stored below `parts` of the artifact, in peft's format. With rank 16 on the `qkv` layers of ViT-B/16,
0.6 M of 86 M parameters are trained. The recipe of DDA (Chen et al. 2025, arXiv 2505.14359) is `targets: [qkv, proj,
fc1, fc2]`, `rank: 8`, `alpha: 1` and `contrastive: {}` on DINOv2.
"""

import difflib
import json
from collections.abc import Iterable, Sequence
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
from unseen.detectors.shared.contrastive import contrastive_loss
from unseen.detectors.shared.settings import FrozenSteps, NetworkSettings
from unseen.detectors.shared.single_center import single_center_loss

LAYERS = {
    "qkv": ["qkv"],
    "proj": ["attn.proj"],  # `proj` alone would match patch_embed.proj
    "fc1": ["mlp.fc1", "mlp.fc1_g", "mlp.fc1_x"],  # the last two are the parts of a gated layer
    "fc2": ["mlp.fc2"],
}
"""timm's names of the layers of a block, by target; a name matches the end of a module's name."""

POOLING = "attn_pool"
"""timm's name of a pooling by attention, which has layers of the same names and is not adapted."""


class SingleCenterSettings(Block):
    """An extra loss that pulls reals to a learned center and pushes fakes away from it (Li et al. 2021, CVPR)."""

    weight: float = Field(0.5, gt=0, description="weight of this loss; the log loss has weight 1")
    margin: float = Field(0.3, ge=0, description="in units of the square root of the number of features")


class ContrastiveSettings(Block):
    """An extra loss that pulls features of a class together and pushes those of the two classes apart; see
    `contrastive_loss`."""

    weight: float = Field(0.5, gt=0, le=1, description="weight of this loss; the log loss has weight 1 - this")
    margin: float = Field(1.0, gt=0, le=2, description="distance of normalised features beyond which fakes may stay")


class Settings(NetworkSettings):
    """Only the adapters and the head are trained."""

    kind: Literal["vit_lora"]
    backbone: str = Field("vit_base_patch16_224", pattern=r"^vit_[a-z0-9_.]+$", description="timm name of a ViT")
    input_size: int = Field(224, ge=32, le=1024, description="pixels the network sees, a multiple of its patches")
    frozen_steps: FrozenSteps = 0
    learning_rate: float = Field(0.001, gt=0, lt=1)
    targets: list[Literal["qkv", "proj", "fc1", "fc2"]] = Field(
        ["qkv"],
        min_length=1,
        description="adapted layers of each block: qkv and proj of the attention, fc1 and fc2 of the MLP",
    )
    rank: int = Field(16, ge=1, le=256, description="rank of the adapters")
    alpha: int = Field(32, ge=1, description="the adapters' output is scaled by alpha / rank")
    lora_dropout: float = Field(0.1, ge=0, lt=1, description="before the adapters")
    single_center: SingleCenterSettings | None = Field(
        None, description="single-center loss beside the log loss; `{}` for its defaults"
    )
    contrastive: ContrastiveSettings | None = Field(
        None, description="contrastive loss beside the log loss; `{}` for its defaults"
    )


class VitLora(Backboned):
    """A timm ViT and a linear head; it has adapters between `attach` and `merge`."""

    center: nn.Parameter | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.register_parameter("center", None)
        self._adapted: dict[str, Any] = {}
        self._parts: dict[str, bytes] = {}

    def attach(self, settings: Settings) -> None:
        """Attach adapters, initialised to the identity; and a center of the reals at 0 if the loss needs one."""
        try:
            from peft import LoraConfig, get_peft_model  # takes seconds, and only training needs it
        except ImportError:
            raise UserError("`kind: vit_lora` is trained with peft: `pip install -e '.[lora]'`") from None
        _bias_apart(self.network, True)
        self._adapted = _adapted(self.network, settings.targets)
        adapters = LoraConfig(
            **self._adapted,
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
            **self._adapted,
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
        _bias_apart(self.network, False)

    def trainable(self) -> Iterable[nn.Parameter]:
        """The adapters, the center and the head."""
        yield from (weight for name, weight in self.named_parameters() if "lora_" in name or name == "center")
        yield from self.classifier.parameters()

    def parts(self) -> dict[str, bytes]:
        """The adapter and the head, without the pretrained network."""
        return self._parts

    def loss(self, pixels: Tensor, labels: Tensor, rows: Rows, task: Task) -> Tensor:
        """Log loss, and the other losses on the pooled features, which are the class token of most networks."""
        settings = cast(Settings, task.settings)
        knobs, contrastive = settings.single_center, settings.contrastive
        features = self.features(pixels)
        logits: Tensor = self.classifier(features)
        loss = functional.binary_cross_entropy_with_logits(logits.flatten().float(), labels)
        if contrastive:
            other = contrastive_loss(features.float(), labels, contrastive.margin)
            loss = (1 - contrastive.weight) * loss + contrastive.weight * other
        if knobs:
            assert self.center is not None
            loss = loss + knobs.weight * single_center_loss(features.float(), labels, self.center, knobs.margin)
        return loss


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """A detector on a pretrained ViT, without adapters yet.

    Raises:
        UserError: timm has no such ViT, or `input_size` is not a multiple of its patch size; or see `created`.
    """
    _check(settings.backbone, settings.input_size, settings.targets)
    # Position embeddings are interpolated to the input size.
    return created(VitLora, settings.backbone, settings, weights, dynamic_img_size=True)


def _adapted(network: nn.Module, targets: Sequence[str]) -> dict[str, Any]:
    """The layers to adapt, as arguments of peft's LoraConfig.

    Raises:
        KeyError: the network has no layers for a target; the argument is the target.
    """
    names = [name for name, _ in network.named_modules() if POOLING not in name]
    found: list[str] = []
    for target in targets:
        some = [layer for layer in LAYERS[target] if any(name.endswith(f".{layer}") for name in names)]
        if not some:
            raise KeyError(target)
        found += some
    ends = tuple(f".{layer}" for layer in found)
    pooled = any(POOLING in name and name.endswith(ends) for name, _ in network.named_modules())
    return {"target_modules": found, **({"exclude_modules": rf"{POOLING}\..*"} if pooled else {})}


def _bias_apart(network: nn.Module, apart: bool) -> None:
    """Let timm's EvaAttention call its `qkv` layer and then add the bias; or use the layer's weights itself, which is
    its default and bypasses an adapter."""
    module: Any
    for module in network.modules():
        if hasattr(module, "qkv_bias_separate"):
            module.qkv_bias_separate = apart


def _check(backbone: str, input_size: int, targets: Sequence[str]) -> None:
    try:
        with torch.device("meta"):
            network: Any = timm.create_model(backbone, pretrained=False, num_classes=0, dynamic_img_size=True)
    except (RuntimeError, TypeError) as error:
        near = difflib.get_close_matches(backbone, timm.list_models("vit_*"), n=1)
        hint = f"; did you mean `{near[0]}`?" if near and near[0] != backbone else ""
        raise UserError(f"`backbone` is {backbone!r}, which is not a ViT of timm ({error}){hint}") from None
    try:
        _adapted(network, targets)
    except KeyError as error:
        raise UserError(
            f"`backbone` is {backbone!r}, which has no `{error.args[0]}` layers to adapt; choose another ViT, or "
            "other `targets`"
        ) from None
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
