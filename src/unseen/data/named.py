"""Copies of the items in a folder that params name.

DVC keeps the files of an item that params no longer name. Therefore a stage that reads a folder of items depends on a
copy of it below data/sets, which has only the named items. The files of the copy are hard links, if the file system
supports them.
"""

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.files import atomic_folder
from unseen.core.json_files import read_json, write_json
from unseen.core.recovery import advice
from unseen.data.sides import AGAIN, Sides, described

CARD = "set.json"

NAMED = "named.json"
"""Lists the copied items. Without it a copy of no items would be an empty folder, and DVC warns about that."""


def sets_in(folder: Path) -> list[str]:
    """The face sets below a folder, as paths relative to it."""
    found = sorted(card.parent.relative_to(folder).as_posix() for card in folder.rglob(CARD))
    return [path for path in found if not any(step.endswith(".part") for step in path.split("/"))]


def _link(source: str, target: str) -> str:
    """Link a file, or copy it if the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target


def copy_items(items: Mapping[str, Path], target: Path) -> None:
    """Copy items to `target`, which is written atomically, with `named.json` beside them.

    Args:
        items: the folder or file of each item, by its path below `target`.
        target: the copy.

    Raises:
        UserError: an item does not exist.
    """
    with atomic_folder(target) as part:
        for name, source in items.items():
            if source.is_dir():
                shutil.copytree(source, part / name, copy_function=_link, ignore=shutil.ignore_patterns(".gitignore"))
            elif source.is_file():
                _link(str(source), str(part / name))
            else:
                raise UserError(f"{source}: not found; {advice(source)}")
        write_json(part / NAMED, {"named": sorted(items)})


def take_named(folder: Path, target: Path, named: Collection[str], found: Collection[str]) -> list[str]:
    """Copy the named items of a folder to `target`.

    Args:
        folder: the folder of items.
        target: the copy, written atomically, with `named.json` beside the items.
        named: the items that params name, as paths relative to `folder`.
        found: all items in `folder`.

    Returns:
        The items that were ignored, because params do not name them.

    Raises:
        UserError: a named item does not exist.
    """
    copy_items({name: folder / name for name in named}, target)
    return sorted(set(found) - set(named))


@dataclass(frozen=True)
class _CardSides:
    """What a set's card says about the sides of its crops."""

    side: int
    native: bool


def check_named_sides(folder: Path, named: Collection[str], wanted: Sides) -> None:
    """Check that the stored faces of every named set have the sides of params.

    Raises:
        UserError: a set has others.
    """
    for name in named:
        card = read_json(folder / name / CARD)
        stored = _CardSides(card.get("side", 0), card.get("native", False))
        if (stored.side, stored.native) != (wanted.side, wanted.native):
            has, needs = described(stored), described(wanted)
            raise UserError(f"{folder / name}: has crops of {has}, but `faces` has {needs}; {AGAIN}")


def print_ignored(folder: Path, ignored: Collection[str]) -> None:
    """Print a line about the ignored items, if there are any."""
    if ignored:
        listed = ", ".join(str(folder / name) for name in ignored)
        print(f"ignored, because params do not name it: {listed}", flush=True)
