"""Load the pretrained weights of a timm network."""

import sys
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.core.shortages import shortage_of


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
