"""A detector that others have trained: its weights are loaded, and only its temperature and threshold are fitted, on
validation people of one's own. It is the reference for detectors that are trained here.

An example is ViT-S/16 of Community Forensics (Park and Owens 2025, CVPR, arXiv 2411.04125; MIT), trained on 2.7 M
pictures of 4,803 generators, in the repository `OwensLab/commfor-model-384`. It is used as its authors use it:
resized to 440 px, cut to 384, with the mean and standard deviation of ImageNet, although timm's network has others.
Faces may have been among its training data, so it cannot show what a detector does on a generator that it has never
seen.

```yaml
    kind: ready_checkpoint
    weights: hub/community_forensics
    backbone: vit_small_patch16_384.augreg_in21k_ft_in1k
    prefix: vit.
    resize_to: 440
    input_size: 384
    mean: [0.485, 0.456, 0.406]
    std: [0.229, 0.224, 0.225]
```
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from unseen.core.errors import UserError
from unseen.detectors.shared.backbone import Backboned
from unseen.detectors.shared.backbone_names import check_backbone
from unseen.detectors.shared.base import Detector, History, Task, resized
from unseen.detectors.shared.pretrained import load_tensors, one_line, safetensors_file
from unseen.detectors.shared.settings import Backbone, FittedSettings


class Settings(FittedSettings):
    """How the checkpoint was trained. Mean and standard deviation have no default: those of the wrong ones cost
    accuracy and give no error."""

    fits_weights: ClassVar[bool] = False

    kind: Literal["ready_checkpoint"]
    weights: str = Field(
        pattern=r"^(hub|assets)/[a-z0-9][a-z0-9_]*$",
        description="folder below models with one safetensors file, such as hub/NAME",
    )
    backbone: Backbone
    prefix: str = Field("", max_length=100, description="of the network's tensors in the file, such as `vit.`")
    input_size: int = Field(224, ge=32, le=1024, description="pixels the network sees, the middle of the picture")
    resize_to: int | None = Field(
        None, ge=32, le=1024, description="pixels of the whole picture before; `input_size` if not given"
    )
    mean: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        min_length=3, max_length=3, description="of red, green and blue in [0, 1], as the checkpoint was trained"
    )
    std: list[Annotated[float, Field(gt=0, le=1)]] = Field(min_length=3, max_length=3, description="likewise")
    fake_is: Literal[0, 1] = Field(1, description="label for which the checkpoint's logit is positive when fake is 1")

    @model_validator(mode="after")
    def _crop_is_inside(self) -> "Settings":
        if self.resize_to is not None and self.resize_to < self.input_size:
            raise ValueError(f"`resize_to` is {self.resize_to}, less than `input_size`, {self.input_size}")
        return self


class ReadyCheckpoint(Backboned):
    """A timm network with one logit.

    Args:
        backbone: timm's name.
        input_size: pixels; side of the network's input.
        resize_to: pixels; side of the picture before the middle is taken.
        mean, std: in [0, 1].
        fake_is: 0 if the logit is positive for real.
    """

    def __init__(
        self,
        backbone: str,
        input_size: int,
        resize_to: int,
        mean: list[float],
        std: list[float],
        fake_is: int,
        **options: Any,
    ) -> None:
        super().__init__(backbone, input_size, **options)
        self.config |= {"resize_to": resize_to, "mean": mean, "std": std, "fake_is": fake_is}
        for name in ("ela", "dense", "dropout"):
            self.config.pop(name)
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, 255 * torch.tensor(values)[:, None, None], persistent=False)

    def network_input(self, pixels: Tensor) -> Tensor:
        """Resize pixels uint8 [n, 3, s, s], take the middle, and normalise: [n, 3, input_size, input_size]."""
        side, whole = self.config["input_size"], self.config["resize_to"]
        first = round((whole - side) / 2)
        x = resized(pixels, whole)[..., first : first + side, first : first + side]
        return ((x - self.mean) / self.std).contiguous(memory_format=torch.channels_last)

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Detector`."""
        logits = super().forward(pixels)
        return logits if self.config["fake_is"] else -logits


def create(settings: Settings, weights: Path, size: int) -> Detector:
    """The detector with the weights of the checkpoint.

    Raises:
        UserError: timm has no such network, or the file has not its tensors and a classifier with one logit.
    """
    check_backbone(settings.backbone, "backbone")
    side = settings.input_size
    knobs = {
        "backbone": settings.backbone,
        "input_size": side,
        "resize_to": settings.resize_to or side,
        "mean": settings.mean,
        "std": settings.std,
        "fake_is": settings.fake_is,
    }
    try:
        try:
            model = ReadyCheckpoint(**knobs, img_size=side)  # type: ignore[arg-type]
        except TypeError:  # not a ViT
            model = ReadyCheckpoint(**knobs)  # type: ignore[arg-type]
    except (RuntimeError, AssertionError) as error:  # timm does not know the tag, or not this size
        raise UserError(f"params: `backbone` is {settings.backbone!r}: {one_line(error)}") from None
    _load(model, settings, safetensors_file(weights))
    return model


def _load(model: ReadyCheckpoint, settings: Settings, file: Path) -> None:
    prefix = settings.prefix
    state = {
        name.removeprefix(prefix): value for name, value in load_tensors(file).items() if name.startswith(prefix)
    }
    network: Any = model.network
    head = network.pretrained_cfg["classifier"]
    last: Any = model.classifier[-1]
    wanted = {**network.state_dict(), **{f"{head}.{name}": value for name, value in last.state_dict().items()}}
    wrong = sorted(set(wanted) ^ set(state)) or [
        name for name, value in wanted.items() if state[name].shape != value.shape
    ]
    if wrong:
        what = "is missing" if wrong[0] not in state else "is not expected"
        if wrong[0] in state and wrong[0] in wanted:
            what = f"has the shape {list(state[wrong[0]].shape)}, not {list(wanted[wrong[0]].shape)}"
        raise UserError(
            f"{file}: not a checkpoint of `{settings.backbone}` with one logit: `{prefix}{wrong[0]}` {what}; correct "
            "`backbone`, `prefix` or `input_size`"
        )
    last.load_state_dict({name: state.pop(f"{head}.{name}") for name in last.state_dict()})
    network.load_state_dict(state)


restore = ReadyCheckpoint.restore


def fit(model: Detector, task: Task) -> History:
    """Nothing: the weights are ready."""
    return []
