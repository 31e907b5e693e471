"""A trained GAN on disk: `weights.safetensors` and `gan.json`."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from unseen.core.artifacts import WEIGHTS, damaged, read_artifact, recorded, write_weights
from unseen.core.code import code_hash
from unseen.core.files import atomic_folder
from unseen.core.json_files import write_json
from unseen.gans.shared import upsample
from unseen.gans.shared.settings import GanSettings, gan_settings


@dataclass(frozen=True)
class TrainedGan:
    """A trained GAN: settings, picture size in pixels, and the states of both networks."""

    name: str
    settings: GanSettings
    size: int
    states: dict[str, dict[str, Tensor]]
    card: dict[str, Any]

    def network(self, which: str, snapshot: float = 1.0) -> nn.Module:
        """The `Generator` or `Discriminator` with its trained weights, in evaluation mode.

        Args:
            which: `Generator` or `Discriminator`.
            snapshot: share of the training after which the generator was kept.
        """
        module = importlib.import_module(f"unseen.gans.architectures.{self.settings.architecture}")
        net: nn.Module = getattr(module, which)(self.settings, self.size)
        net.load_state_dict(self.states[which.lower() if snapshot == 1 else f"at-{snapshot}"])
        return net.eval()


def save_gan(
    folder: Path, name: str, settings: GanSettings, size: int, states: dict[str, dict[str, Tensor]], data: Any
) -> None:
    """Write a GAN's folder atomically, with the hash of its architecture's code. Stages that load the GAN import that
    file by name; the hash makes them run again when it changes."""
    flat = {f"{net}/{key}": value.contiguous() for net, state in states.items() for key, value in state.items()}
    module = importlib.import_module(f"unseen.gans.architectures.{settings.architecture}")
    with atomic_folder(folder) as part:
        write_weights(part / WEIGHTS, flat)
        card = {"name": name, "settings": settings.model_dump(), "size": size, "trained_on": data}
        card = {**card, "code": code_hash([module, upsample]), "sha256": recorded(part, WEIGHTS)}
        write_json(part / "gan.json", card)


def load_gan(folder: Path) -> TrainedGan:
    """Read a GAN's folder.

    Raises:
        UserError: a file is missing, can't be read, or is damaged.
    """
    card, flat = read_artifact(folder, "gan.json")
    states: dict[str, dict[str, Tensor]] = {}
    for key, value in flat.items():
        net, _, rest = key.partition("/")
        states.setdefault(net, {})[rest] = value
    try:
        settings = gan_settings(card["settings"], f"{folder}/gan.json")
        return TrainedGan(card["name"], settings, int(card["size"]), states, card)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder / "gan.json", error) from None
