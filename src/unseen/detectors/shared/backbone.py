"""Base class of detectors on a timm network, and the loading of pretrained weights."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import safetensors
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from unseen.core.errors import UserError
from unseen.core.files import read_json
from unseen.core.shortages import shortage_of
from unseen.detectors.shared.base import Detector, resized
from unseen.detectors.shared.ela import error_levels
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


def one_line(message: object) -> str:
    """The first 150 characters of a message on one line, without a full stop."""
    return " ".join(str(message).split()).rstrip(".")[:150]


def load_backbone(network: nn.Module, name: str, weights: Path) -> None:
    """Load the weights of a timm network without classifier.

    Args:
        network: the network.
        name: timm's name of it.
        weights: a folder below models with one file; a folder of a timm repository in `models/hub`; or `models/none`
            to load nothing.

    Raises:
        UserError: the weights are not available, damaged, or of another network.
    """
    if weights.name == "none":
        return
    message = f"{weights}: not the weights of `{name}`"
    if weights.parent.name == "hub":
        state, ordered = _from_hub(network, weights), False
        message += f"{_described(weights)}; correct `backbone`, or the repository in `hub.{weights.name}`"
    else:
        files = sorted(file for file in weights.glob("*") if file.suffix in (".pth", ".pt", ".bin", ".safetensors"))
        if len(files) != 1:
            raise UserError(f"{weights}: expected one file of weights; run `dvc repro packaged asset`")
        # safetensors sorts tensors by name, so their order has no meaning
        state, ordered = load_tensors(files[0]), files[0].suffix != ".safetensors"
    _check_and_load(network, state, ordered, message)


def safetensors_file(folder: Path) -> Path:
    """The file `model.safetensors` of a folder, or its only safetensors file.

    Raises:
        UserError: there is none, or there are several.
    """
    files = [folder / "model.safetensors"]
    if not files[0].is_file():
        files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        names = f", but {', '.join(file.name for file in files)}" if files else ""
        raise UserError(
            f"{folder}: expected model.safetensors or one other file of weights{names}; choose it with "
            f"`hub.{folder.name}.files`, and run `dvc repro hub@{folder.name}`"
        )
    return files[0]


def _from_hub(network: nn.Module, folder: Path) -> dict[str, Tensor]:
    """The weights of a repository of timm, converted by timm where they have other names or shapes.

    Raises:
        UserError: the folder has not one file of weights, or it is damaged.
    """
    state = load_tensors(safetensors_file(folder))
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if convert is None or _fits(network, state):
        return state
    try:
        converted: dict[str, Tensor] = convert(dict(state), network)
    except Exception as error:  # of weights of another network; exceptions differ between networks
        if shortage_of(error):
            raise
        return state
    return converted


def _described(folder: Path) -> str:
    """What timm's configuration in a folder says of the network, for messages; empty if there is none."""
    try:
        architecture = read_json(folder / "config.json")["architecture"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return f", but of `{one_line(architecture)}`"


def load_tensors(file: Path) -> dict[str, Tensor]:
    """The named tensors of a file. Raises a UserError if it has others, or is damaged."""
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        found: Any = torch.load(file, map_location="cpu", weights_only=True)
    except (safetensors.SafetensorError, Exception) as error:  # exceptions of damaged files are not documented
        what = one_line(f"{type(error).__name__}: {error}")
        raise UserError(f"{file}: not a file of weights ({what})") from error
    for key in ("state_dict", "model"):
        found = found.get(key, found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise UserError(f"{file}: not a file of weights: expected named tensors only")
    return found


def _fits(network: nn.Module, state: dict[str, Tensor]) -> bool:
    """Whether there is a tensor of the right shape for each tensor of the network."""
    own = network.state_dict()
    return all(name in state and state[name].shape == value.shape for name, value in own.items())


def _check_and_load(network: nn.Module, state: dict[str, Tensor], ordered: bool, message: str) -> None:
    """Load by name; or by order, for packages with timm's tensors in timm's order under older names."""
    own = network.state_dict()
    if ordered and not own.keys() <= state.keys():
        state = dict(zip(own, state.values(), strict=False))
    if not _fits(network, state):
        raise UserError(message)
    network.load_state_dict({name: state[name] for name in own})


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
