"""The networks of one model: one for each training seed, each in a folder of its own."""

from collections.abc import Iterable
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.recovery import advice

PREFIX = "seed-"

ATTRIBUTE = "training_seed"
"""The attribute of a fake that says by which of its generator's networks it was made."""


def made_from(attributes: Iterable[tuple[str, str]], seed: int) -> bool:
    """Whether a face may be used with a network of this training seed: a fake that another network than that of the
    same seed has drawn may not. Faces that state no training seed may be."""
    return dict(attributes).get(ATTRIBUTE, str(seed)) == str(seed)


def training_seeds(first: int, count: int) -> list[int]:
    """The training seeds: `first` and those after it."""
    return list(range(first, first + count))


def seed_folder(folder: Path, seed: int) -> Path:
    """The folder of one network, below that of the model."""
    return folder / f"{PREFIX}{seed}"


def start_folder(folder: Path, seed: int) -> Path:
    """The folder of initial weights for a training seed: a model's network of the same seed, or `folder` itself if it
    is not a model's, such as an asset."""
    own = seed_folder(folder, seed)
    return own if own.is_dir() else folder


def seeds_in(folder: Path) -> dict[int, Path]:
    """The folder of each network of a model, by training seed, in ascending order.

    Raises:
        UserError: there is none.
    """
    found = {path.name.removeprefix(PREFIX): path for path in folder.glob(f"{PREFIX}*") if path.is_dir()}
    seeds = {int(name): path for name, path in found.items() if name.isdecimal()}
    if not seeds:
        raise UserError(f"{folder}: no folder {PREFIX}K with a trained network; {advice(folder)}")
    return dict(sorted(seeds.items()))
