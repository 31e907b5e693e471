"""What params name out of a folder, and nothing else that lies there.

When params no longer name an item, DVC leaves its files where they are. So a stage that depends on a folder of items
depends on a copy of it, below data/sets, which holds the named items only: the copy is the same whatever else lies in
the folder. Its files are hard links where the file system has them.
"""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.files import atomic_folder, read_json, write_json
from unseen.core.recovery import advice

CARD = "set.json"

NAMED = "named.json"
"""Lists what was taken. Without it a copy of nothing would be an empty folder, of which DVC warns at each command."""


def sets_in(folder: Path) -> list[str]:
    """The sets of faces below a folder, as paths from there."""
    found = sorted(card.parent.relative_to(folder).as_posix() for card in folder.rglob(CARD))
    return [path for path in found if not any(step.endswith(".part") for step in path.split("/"))]


def files_in(folder: Path) -> list[str]:
    """The files in a folder, by name."""
    found = sorted(path.name for path in folder.iterdir() if path.is_file())
    return [name for name in found if not name.endswith(".part") and name != ".gitignore"]


def _link(source: str, target: str) -> str:
    """Link a file, or copy it where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target


def take_named(folder: Path, target: Path, named: Collection[str], found: Collection[str]) -> list[str]:
    """Make `target` hold the named items of a folder, and no others.

    Args:
        folder: where the items lie.
        target: appears at the end, with `named.json` beside the items.
        named: the items that params name, as paths from `folder`.
        found: all items that lie there.

    Returns:
        The items that were ignored, since params do not name them.

    Raises:
        UserError: a named item is not there.
    """
    with atomic_folder(target) as part:
        for name in named:
            source = folder / name
            if source.is_dir():
                shutil.copytree(source, part / name, copy_function=_link, ignore=shutil.ignore_patterns(".gitignore"))
            elif source.is_file():
                _link(str(source), str(part / name))
            else:
                raise UserError(f"{source}: not there; {advice(source)}")
        write_json(part / NAMED, {"named": sorted(named)})
    return sorted(set(found) - set(named))


def check_named_sides(folder: Path, named: Collection[str], side: int) -> None:
    """The stored faces of every named set have the side that params say.

    Raises:
        UserError: names the set, its side and what to do.
    """
    for name in named:
        stored = read_json(folder / name / CARD).get("side", "an unknown number of")
        if stored != side:
            raise UserError(
                f"{folder / name}: holds faces of {stored} pixels, but `faces.side` is {side}; make the set "
                f"again with `dvc repro --force --single-item STAGE@{Path(name).name}` (faces, generate or twins)"
            )


def say_ignored(folder: Path, ignored: Collection[str]) -> None:
    """One line about what lies there and is not used."""
    if ignored:
        listed = ", ".join(str(folder / name) for name in ignored)
        print(f"ignored, since params do not name it: {listed}", flush=True)
