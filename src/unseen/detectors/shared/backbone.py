"""What detectors on a timm network share: the network, its weights from wherever they are, its input, its head."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import safetensors
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from unseen.core.errors import UserError
from unseen.detectors.shared.base import Detector, resized
from unseen.detectors.shared.ela import error_levels
from unseen.detectors.shared.settings import LastLayersSettings, NetworkSettings


class Backboned(Detector):
    """A timm network without its classifier, and a head that gives one logit.

    Args:
        backbone: timm's name of the network.
        input_size: pixels of the side that it sees.
        ela: error levels in place of the picture, or None.
        dense: units of a layer with ReLU before the last one; 0 for none.
        dropout: before the last layer.
        options: further arguments of `timm.create_model`.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: str,
        input_size: int,
        ela: dict[str, Any] | None = None,
        dense: int = 0,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.config = {"backbone": backbone, "input_size": input_size, "ela": ela, "dense": dense}
        self.config |= {"dropout": dropout, **options}
        network: Any = timm.create_model(backbone, pretrained=False, num_classes=0, **options)
        self.network = network
        for name in ("mean", "std"):
            values = torch.tensor(network.pretrained_cfg[name])[:, None, None]
            self.register_buffer(name, 255 * values, persistent=False)
        # some have another layer between the pooled features and the classifier
        features = getattr(network, "head_hidden_size", None) or network.num_features
        layers: list[nn.Module] = [nn.Linear(features, dense), nn.ReLU()] if dense else []
        layers += [nn.Dropout(dropout), nn.Linear(dense or features, 1)]
        self.classifier = nn.Sequential(*layers)

    def head(self) -> nn.Module:
        """All after the network's features."""
        return self.classifier

    def seen(self, pixels: Tensor) -> Tensor:
        """What the network sees [n, 3, input_size, input_size] of pixels uint8 [n, 3, s, s]."""
        if self.config["ela"]:
            pixels = error_levels(pixels, **self.config["ela"])
        x = (resized(pixels, self.config["input_size"]) - self.mean) / self.std
        return x.contiguous(memory_format=torch.channels_last)

    def features(self, pixels: Tensor) -> Tensor:
        """The network's pooled features [n, d] of pixels uint8 [n, 3, s, s]."""
        found: Tensor = self.network(self.seen(pixels))
        return found

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Detector`."""
        logits: Tensor = self.classifier(self.features(pixels))
        return logits.flatten()


def created(
    kind: type[Backboned], backbone: str, settings: NetworkSettings, weights: Path, **options: Any
) -> Backboned:
    """A fresh detector with the network's weights and a last layer that starts at zero: every picture is undecided.

    Raises:
        UserError: the weights can't be had, or are another network's.
    """
    ela = settings.ela.model_dump() if settings.ela else None
    model = kind(backbone=backbone, input_size=settings.input_size, ela=ela, dropout=settings.dropout, **options)
    load_backbone(model.network, backbone, weights)
    nn.init.zeros_(model.classifier[-1].weight)  # type: ignore[arg-type]
    nn.init.zeros_(model.classifier[-1].bias)  # type: ignore[arg-type]
    return model


def load_backbone(network: nn.Module, name: str, weights: Path) -> None:
    """Load a timm network's weights without its classifier: from timm's hub, from a file, or not at all.

    Args:
        network: made by timm without a classifier.
        name: timm's name for it.
        weights: a folder below models with one file; or `models/hub`, or `models/none`.

    Raises:
        UserError: they can't be had, or are another network's.
    """
    if weights.name == "none":
        return
    if weights.name == "hub":
        state, ordered = _from_hub(network, name), False
    else:
        files = sorted(file for file in weights.glob("*") if file.suffix in (".pth", ".pt", ".bin", ".safetensors"))
        if len(files) != 1:
            raise UserError(f"{weights}: expected one file with weights; run `dvc repro packaged asset`")
        # safetensors sorts by name: there a place says nothing
        state, ordered = _from_file(files[0]), files[0].suffix != ".safetensors"
    _check_and_load(network, state, ordered, f"{weights}: not the weights of `{name}`")


def _from_hub(network: nn.Module, name: str) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = timm.create_model(name, pretrained=True, num_classes=0).state_dict()
    except Exception as error:  # what a network raises when there is none depends on the client
        what = " ".join(f"{type(error).__name__}: {error}".split())[:150]
        raise UserError(
            f"`weights: hub` could not fetch `{name}` ({what}); without a network, give its file as an asset "
            "(`weights: assets/...`), or start untrained with `weights: none`"
        ) from None
    return state


def _from_file(file: Path) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        found: Any = torch.load(file, map_location="cpu", weights_only=True)
    except (safetensors.SafetensorError, Exception) as error:  # a damaged file raises anything
        what = " ".join(f"{type(error).__name__}: {error}".split())[:150]
        raise UserError(f"{file}: not a file of weights ({what})") from error
    for key in ("state_dict", "model"):
        found = found.get(key, found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise UserError(f"{file}: not a file of weights: it holds something else than tensors by name")
    return found


def _check_and_load(network: nn.Module, state: dict[str, Tensor], ordered: bool, refusal: str) -> None:
    """By name; or, where a package has timm's tensors in timm's order under older names, by order."""
    own = network.state_dict()
    if ordered and not own.keys() <= state.keys():
        state = dict(zip(own, state.values(), strict=False))
    shapes = {name: tuple(value.shape) for name, value in own.items()}
    if {name: tuple(value.shape) for name, value in state.items() if name in own} != shapes:
        raise UserError(refusal)
    network.load_state_dict({name: state[name] for name in own})


class LastLayers(Backboned):
    """A timm network of which, after the frozen phase, only the last layers learn.

    Args:
        last_layers: how many, before the pooling, as `layers` counts them; None for all.
    """

    def __init__(self, *args: Any, last_layers: int | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.config["last_layers"] = last_layers

    def trainable(self) -> Iterable[nn.Parameter]:
        """The head and the last layers."""
        yield from self.head().parameters()
        count = self.config["last_layers"]
        for layer in layers(self.network)[-count if count else None :]:
            yield from layer.parameters(recurse=False)


def created_with_last_layers(backbone: str, settings: LastLayersSettings, weights: Path) -> Backboned:
    """`created`, for a kind that has `last_layers`.

    Raises:
        UserError: as `created`; or the network has fewer layers.
    """
    model = created(LastLayers, backbone, settings, weights, last_layers=settings.last_layers)
    there = len(layers(model.network))
    if settings.last_layers and settings.last_layers > there:
        raise UserError(
            f"`last_layers` is {settings.last_layers}, but `{settings.kind}` has {there}; leave it out to open all"
        )
    return model


def layers(network: nn.Module) -> list[nn.Module]:
    """The layers of a timm network in the order in which they are written down, without its pooling and what follows.

    Keras' notion, which studies count by: convolutions, norms, activations and poolings are a layer each. Of timm's
    norms, which hold their activation, that makes two. What has no module here is not counted, as are Keras' layers
    for padding, adding and concatenating.
    """
    found: list[nn.Module] = []
    for name, module in network.named_modules():
        if name == "global_pool":
            break
        leaf = not list(module.children()) and not isinstance(module, nn.Identity)
        if leaf or list(module.parameters(recurse=False)):
            found.append(module)
    return found
