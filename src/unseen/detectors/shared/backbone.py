"""Base classes of detectors on a timm network."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from unseen.core.errors import UserError
from unseen.detectors.shared.base import Detector, resized
from unseen.detectors.shared.ela import error_levels
from unseen.detectors.shared.pretrained import load_backbone
from unseen.detectors.shared.settings import LastLayersSettings, NetworkSettings


class Backboned(Detector):
    """A timm network without classifier, and a head with one logit.

    Args:
        backbone: timm's name of the network.
        input_size: pixels; side of the network's input.
        ela: arguments of `error_levels`, which replace the picture; or None.
        dense: units of a hidden layer with ReLU; 0 for none.
        dropout: dropout before the last layer.
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
        # some networks have a hidden layer between the pooled features and the classifier
        features = getattr(network, "head_hidden_size", None) or network.num_features
        layers: list[nn.Module] = [nn.Linear(features, dense), nn.ReLU()] if dense else []
        layers += [nn.Dropout(dropout), nn.Linear(dense or features, 1)]
        self.classifier = nn.Sequential(*layers)

    def head(self) -> nn.Module:
        """The layers after the pooled features."""
        return self.classifier

    def network_input(self, pixels: Tensor) -> Tensor:
        """Preprocess pixels uint8 [n, 3, s, s] to the input [n, 3, input_size, input_size]."""
        if self.config["ela"]:
            pixels = error_levels(pixels, **self.config["ela"])
        x = (resized(pixels, self.config["input_size"]) - self.mean) / self.std
        return x.contiguous(memory_format=torch.channels_last)

    def features(self, pixels: Tensor) -> Tensor:
        """Pooled features [n, d] for pixels uint8 [n, 3, s, s]."""
        found: Tensor = self.network(self.network_input(pixels))
        return found

    def forward(self, pixels: Tensor) -> Tensor:
        """See `Detector`."""
        logits: Tensor = self.classifier(self.features(pixels))
        return logits.flatten()


def created(
    kind: type[Backboned], backbone: str, settings: NetworkSettings, weights: Path, **options: Any
) -> Backboned:
    """A new detector with the network's weights and a last layer initialised to zero.

    Raises:
        UserError: see `load_backbone`.
    """
    ela = settings.ela.model_dump() if settings.ela else None
    model = kind(backbone=backbone, input_size=settings.input_size, ela=ela, dropout=settings.dropout, **options)
    initialise(model, backbone, weights)
    return model


def initialise(model: Backboned, backbone: str, weights: Path) -> None:
    """Load the network's weights (see `load_backbone`) and set the last layer to zero."""
    load_backbone(model.network, backbone, weights)
    last = model.classifier[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)


class LastLayers(Backboned):
    """A timm network whose last layers are trained after the frozen steps.

    Args:
        last_layers: number of layers before the pooling, as `layers` counts; None for all.
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
        UserError: the network has fewer layers; or see `created`.
    """
    model = created(LastLayers, backbone, settings, weights, last_layers=settings.last_layers)
    available = len(layers(model.network))
    if settings.last_layers and settings.last_layers > available:
        raise UserError(
            f"`last_layers` is {settings.last_layers}, but `{settings.kind}` has {available}; omit it to train all"
        )
    return model


def layers(network: nn.Module) -> list[nn.Module]:
    """The layers of a timm network in order of definition, up to its global pooling.

    They are counted as in Keras: convolutions, norms, activations and poolings are one layer each. A timm norm with
    an activation is two. Operations without a module, such as padding, adding and concatenating, are not counted.
    """
    found: list[nn.Module] = []
    for name, module in network.named_modules():
        if name == "global_pool":
            break
        leaf = not list(module.children()) and not isinstance(module, nn.Identity)
        if leaf or list(module.parameters(recurse=False)):
            found.append(module)
    return found
