"""The base of every typed block of params.yaml, and how a block is read.

Each room owns the settings of its blocks (`unseen.gans.settings`, ...), so that a new knob for a GAN
is no dependency of a detector. `unseen.params` puts the blocks together and checks the whole.
"""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from unseen.errors import UserError

Role = Literal["train", "held_out"]
"""`train`: may fit weights and thresholds. `held_out`: is only ever measured on."""


class Settings(BaseModel):
    """A block of params: unknown keys are refused, values are not coerced, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", value):
        raise ValueError("a name is made of small letters, digits and _ (DVC makes stage names of it)")
    return value


def _group(value: str) -> str:
    for part in value.split("/"):
        _name(part)
    return value


Name = Annotated[str, AfterValidator(_name)]
Group = Annotated[str, AfterValidator(_group)]
"""A folder of sets, such as `people` or `own/gans`; who trains on a group gets every set below it."""

DataFolder = Annotated[str, StringConstraints(pattern=r"^(faces|fakes)(/[a-z0-9][a-z0-9_]*)+$")]
"""A folder below data: a group such as `faces/people`, or one set such as `fakes/own/dcgan`."""

T = TypeVar("T")


def nearest(value: object, allowed: Sequence[str]) -> str:
    """`allowed are a, b, c; did you mean b?`, the second half only where something is near."""
    close = difflib.get_close_matches(str(value), allowed, n=1, cutoff=0.5)
    listed = ", ".join(allowed) if allowed else "none yet"
    return f"allowed: {listed}" + (f"; did you mean `{close[0]}`?" if close else "")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a params file as plain data.

    Raises:
        UserError: it is not there, or is not a YAML mapping.
    """
    try:
        data = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path}: not there; run this from the project's folder") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: must be a mapping of blocks such as `faces:` and `detectors:`")
    return data


def _known_keys(kind: Any, location: Sequence[str | int]) -> list[str]:
    """The keys that a settings type allows at a location, [] where any are allowed."""
    for step in location:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(step)].annotation if step in kind.model_fields else None
        else:
            arguments = getattr(kind, "__args__", ())
            kind = arguments[-1] if arguments else None
    return sorted(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def validated(kind: type[T], data: Any, where: str) -> T:
    """`data` as a `kind`; the first problem becomes one line.

    Args:
        kind: a `Settings` class, or a type such as `dict[Name, GanSettings]`.
        data: plain data from YAML.
        where: how the place is called in the message, for instance `gans.dcgan`.

    Raises:
        UserError: names the key, the value and what is allowed.
    """
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        problem = error.errors()[0]
    location = [str(step) for step in problem["loc"] if step != "[key]"]
    key = ".".join(part for part in (where, *location) if part)
    if problem["type"] == "extra_forbidden":
        allowed = nearest(location[-1], _known_keys(kind, problem["loc"][:-1]))
        raise UserError(f"params: `{key}` is not a known key; {allowed}")
    if problem["type"] == "missing":
        raise UserError(f"params: `{key}` is missing")
    value = problem["input"]
    if problem["type"] == "literal_error":
        allowed = nearest(value, re.findall(r"'([^']*)'", problem["ctx"]["expected"]))
        raise UserError(f"params: `{key}` is {value!r}; {allowed}")
    message = problem["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(value, dict) else f" is {value!r}"
    raise UserError(f"params: `{key}`{shown}: {message[:1].lower()}{message[1:]}")


def read_block(path: Path, keys: Sequence[str], kind: type[T]) -> T:
    """One typed block of a params file, for instance `read_block(path, ["gans", "dcgan"], GanSettings)`.

    Raises:
        UserError: the block is not there or not valid.
    """
    data: Any = read_yaml(path)
    for depth, key in enumerate(keys):
        if not isinstance(data, dict) or key not in data:
            names = [str(name) for name in data] if isinstance(data, dict) else []
            raise UserError(f"params: `{'.'.join(keys[: depth + 1])}` is missing; {nearest(key, names)}")
        data = data[key]
    return validated(kind, data, ".".join(keys))
