"""Kinds: detectors, GAN architectures and sources, one file each, which are found by the file's name.

The settings of a kind stand in its file, in a class `Settings`. They are read from the file without running the rest
of it, because a params file is checked without importing torch. So the classes of settings in the file of a kind may
use only what `LIGHT` names, modules of this project that are called `settings`, and each other.

The class that `settings_of` gives is not the one of the imported module, though both have the same fields: compare
kinds by their name and not with `isinstance`.
"""

import ast
import functools
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Union, get_args

from pydantic import Field

from unseen.core.errors import UserError
from unseen.core.settings import Settings, did_you_mean, read_block, validated

ROOMS = Path(__file__).parents[1]

LIGHT = ("pydantic", "typing", "re", "unseen.core.settings", "unseen.core.errors")
"""What settings may import, beside a module named `settings` of this project."""


def kinds(folder: str) -> list[str]:
    """The names of all kinds in a folder below src/unseen, such as `detectors/kinds`: its files with settings."""
    files = (ROOMS / folder).glob("[a-z]*.py")
    return sorted(file.stem for file in files if "\nclass Settings(" in file.read_text(encoding="utf-8"))


def _is_light(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):
        return all(name.name in LIGHT for name in node.names)
    if not isinstance(node, ast.ImportFrom) or node.module is None:
        return False
    return node.module in LIGHT or (node.module.startswith("unseen.") and node.module.endswith(".settings"))


@functools.cache
def settings_of(folder: str, kind: str) -> type[Settings]:
    """The class `Settings` of a kind, from its file and without the imports of its network.

    Args:
        folder: where the kinds are, below src/unseen.
        kind: the name of the file.

    Raises:
        UserError: there is no such kind; or its file is not valid Python, has no class `Settings`, or has one that
            needs more than `LIGHT` names.
    """
    file, name = ROOMS / folder / f"{kind}.py", f"{folder}/{kind}.py"
    if not file.is_file():
        raise UserError(f"there is no {name}; {did_you_mean(kind, kinds(folder))}")
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise UserError(f"{name}:{error.lineno}: {error.msg}") from None
    kept = [
        node
        for node in tree.body
        if _is_light(node) or (isinstance(node, ast.ClassDef) and node.name.endswith("Settings"))
    ]
    if not any(isinstance(node, ast.ClassDef) and node.name == "Settings" for node in kept):
        raise UserError(f"{name} has no `class Settings`; add one with the knobs of this kind")
    module = ModuleType(f"{folder.replace('/', '.')}.{kind}")
    try:
        exec(compile(ast.Module(kept, []), str(file), "exec"), module.__dict__)
    except NameError as error:
        raise UserError(
            f"{name}: the settings use `{error.name}`, which they cannot see; they are read without the rest of the "
            f"file, with imports from {', '.join(LIGHT)} and modules called `settings` alone"
        ) from None
    found: type[Settings] = module.Settings
    return found


def any_settings(folder: str, key: str) -> Any:
    """The settings of any kind in a folder, told apart by the value of `key`: a type for pydantic.

    Raises:
        UserError: see `settings_of`; or the type of `key` in the settings of a kind is not the name of its file.
    """
    found = {kind: settings_of(folder, kind) for kind in kinds(folder)}
    for kind, settings in found.items():
        field = settings.model_fields.get(key)
        if field is None or get_args(field.annotation) != (kind,):
            raise UserError(f'{folder}/{kind}.py: its class Settings must have `{key}: Literal["{kind}"]`')
    return Annotated[Union[tuple(found.values())], Field(discriminator=key)]  # noqa: UP007 - made at run time


def validated_kind(folder: str, data: Any, where: str, key: str = "kind") -> Any:
    """Plain data as the settings of the kind that it names. Only the file of that kind is read.

    Args:
        folder: where the kinds are, below src/unseen.
        data: plain data, for instance of a params file or of a trained model.
        where: how the place is called in the message, for instance `gans.dcgan`.
        key: the key that names the kind.

    Raises:
        UserError: there is no such kind, or the data is not valid.
    """
    kind = data.get(key) if isinstance(data, dict) else None
    if kind not in kinds(folder):
        what = f"is {kind!r}" if kind is not None else "is missing"
        raise UserError(f"params: `{where}.{key}` {what}; {did_you_mean(kind, kinds(folder))}")
    return validated(settings_of(folder, kind), data, where)


def read_kind(path: Path, keys: Sequence[str], folder: str, key: str = "kind") -> Any:
    """One item of a params file as the settings of the kind that it names; see `validated_kind`.

    Raises:
        UserError: the item is missing or not valid.
    """
    return validated_kind(folder, read_block(path, keys, Any), ".".join(keys), key)
