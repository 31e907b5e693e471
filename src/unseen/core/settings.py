"""Base class of the typed blocks of params.yaml, and functions that read a block.

Each room defines the settings of its blocks (`unseen.gans.shared.settings`, ...), so that a new knob of a GAN does
not make detectors stale. `unseen.params.check` combines all blocks and checks the complete file.
"""

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from unseen.core.errors import UserError
from unseen.core.yaml_text import read_yaml

Role = Literal["train", "held_out"]
"""`train`: may fit weights and thresholds. `held_out`: only for evaluation."""


class Settings(BaseModel):
    """A block of params: no unknown keys, no coercion of values, immutable.

    Defaults are validated like values, so they are written as in a params file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True)


RESERVED = frozenset({"size", "nfiles"})
"""Keys that DVC's run cache ignores at any depth (`dvc.stage.cache`, DVC issue 10296).

DVC would restore an old result after their values change, so no block or item may have such a name.
"""


def _key(value: str) -> str:
    if value in RESERVED:
        raise ValueError("changes below a key of this name are not noticed by DVC; use another name")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", value):
        raise ValueError("a name may have only lower-case letters, digits and _ (it is part of DVC's stage names)")
    return value


def _group(value: str) -> str:
    for part in value.split("/"):
        _name(part)
    return value


Name = Annotated[str, AfterValidator(_name), AfterValidator(_key)]
Key = Annotated[str, AfterValidator(_key)]
"""A key of a free mapping, such as a column of a table."""

Group = Annotated[str, AfterValidator(_group)]
"""A folder of sets, such as `people` or `own/gans`; training on it uses every set below it."""

DataFolder = Annotated[str, StringConstraints(pattern=r"^(faces|fakes)(/[a-z0-9][a-z0-9_]*)+$")]
"""A folder below data: a group such as `faces/people`, or one set such as `fakes/own/dcgan`."""

FakesFolder = Annotated[str, StringConstraints(pattern=r"^(faces|fakes|all_fakes)(/[a-z0-9][a-z0-9_]*)+$")]
"""A folder of fakes below data/sets: `faces/...` of sources, `fakes/...` made by the run, `all_fakes/...` of both."""

OptionalAssetFolder = Annotated[str, StringConstraints(pattern=r"^(none|assets/[a-z0-9_]+)$")]
"""A folder of weights below models, or `none`: an empty folder, the DVC dependency of items without weights."""


HubFolder = Annotated[str, StringConstraints(pattern=r"^hub/[a-z0-9][a-z0-9_]*$")]
"""A folder of a model below models that the stage `hub` writes, such as `hub/blip`."""

OptionalHubFolder = Annotated[str, StringConstraints(pattern=r"^(none|hub/[a-z0-9][a-z0-9_]*)$")]
"""A folder of a model of the hub, or `none`."""


def did_you_mean(value: object, allowed: Sequence[str]) -> str:
    """`allowed: a, b, c; did you mean b?`, without the question if no name is similar."""
    close = _near(value, allowed)
    return f"allowed: {', '.join(allowed) or 'none yet'}" + (f"; did you mean `{close}`?" if close else "")


def _fields(kind: Any) -> dict[str, Any]:
    """The annotations of a settings class by key; {} for other types."""
    is_settings = isinstance(kind, type) and issubclass(kind, BaseModel)
    return {key: field.annotation for key, field in kind.model_fields.items()} if is_settings else {}


def _plain(kind: Any) -> tuple[Any, str]:
    """A type without its annotations, and the discriminator of a union."""
    discriminator = "kind"
    while get_origin(kind) is Annotated:
        kind, *notes = get_args(kind)
        discriminator = next((note.discriminator for note in notes if getattr(note, "discriminator", None)), "kind")
    return kind, discriminator


def _follow(kind: Any, location: Sequence[str | int]) -> tuple[list[str], Any]:
    """The keys of a pydantic location as in the params file, without pydantic's own steps, and the type there."""
    keys: list[str] = []
    for step in location:
        kind, discriminator = _plain(kind)
        tagged = [member for member in get_args(kind) if step in get_args(_fields(member).get(discriminator))]
        if tagged:
            kind = tagged[0]
        elif step != "[key]":
            keys.append(str(step))
            kind = _fields(kind).get(str(step), (get_args(kind) or (None,))[-1])
    return keys, kind


def _quoted(expected: str) -> list[str]:
    """The values in a text of pydantic such as "'a', 'b' or 3"."""
    return [text or number for text, number in re.findall(r"'([^']*)'|\b(\d+)\b", expected)]


@dataclass(frozen=True)
class Problem:
    """A problem at one key of a params file."""

    keys: tuple[str, ...]
    text: str
    unknown: bool = False
    """The last key is unknown."""
    meant: str = ""
    """The most similar known key or allowed value."""

    def __str__(self) -> str:
        return f"params: {self.text}"


def _near(value: object, allowed: Sequence[str], cutoff: float = 0.5) -> str:
    close = difflib.get_close_matches(str(value), allowed, n=1, cutoff=cutoff)
    return close[0] if close else ""


def _problem(kind: Any, error: ErrorDetails, where: Sequence[str], missing: Collection[tuple[str, ...]]) -> Problem:
    """Convert an error of pydantic to a problem of the params file.

    Args:
        kind: the expected type.
        error: pydantic's error.
        where: keys above the data.
        missing: all missing keys; an unknown key is probably one of them, misspelt.
    """
    keys = [*where, *_follow(kind, error["loc"])[0]]
    context, value = error.get("ctx", {}), error["input"]
    if error["type"].startswith("union_tag"):
        discriminator = str(context["discriminator"]).strip("'")
        keys.append(discriminator)
        value = context.get("tag")
        written = _near(
            discriminator, [str(key) for key in error["input"]] if isinstance(error["input"], dict) else []
        )
        if error["type"] == "union_tag_not_found" and written:
            keys[-1] = written
            text = f"`{'.'.join(keys)}` is not a known key; did you mean `{discriminator}`?"
            return Problem(tuple(keys), text, unknown=True, meant=discriminator)
    key = ".".join(keys)
    if error["type"] == "extra_forbidden":
        _, parent = _follow(kind, error["loc"][:-1])
        known = sorted(_fields(parent))
        absent = [name for *above, name in missing if above == keys[:-1]]
        meant = _near(keys[-1], absent, cutoff=0.4) or _near(keys[-1], known)
        hint = f"; did you mean `{meant}`?" if meant else ""
        text = f"`{key}` is not a known key; allowed: {', '.join(known)}{hint}"
        return Problem(tuple(keys), text, unknown=True, meant=meant)
    if error["type"] in ("missing", "union_tag_not_found"):
        return Problem(tuple(keys), f"`{key}` is missing")
    if error["type"] in ("literal_error", "union_tag_invalid"):
        allowed = _quoted(context.get("expected") or context["expected_tags"])
        return Problem(
            tuple(keys), f"`{key}` is {value!r}; {did_you_mean(value, allowed)}", meant=_near(value, allowed)
        )
    message = error["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(value, dict) else f" is {value!r}"
    return Problem(tuple(keys), f"`{key}`{shown}: {message[:1].lower()}{message[1:]}")


def _problems(kind: Any, error: ValidationError, where: str) -> list[Problem]:
    """Convert all errors to problems. A misspelt key is one problem, not an unknown key and a missing one."""
    # pydantic does not call a default factory if a value that it needs is invalid, which is an error of its own.
    errors = [one for one in error.errors() if one["type"] != "default_factory_not_called"]
    above = [where] if where else []
    missing = {(*above, *_follow(kind, one["loc"])[0]) for one in errors if one["type"] == "missing"}
    found = [_problem(kind, one, above, missing) for one in errors]
    misspelt = {(*one.keys[:-1], one.meant) for one in found if one.unknown}
    return [one for one in found if one.keys not in missing & misspelt]


def problems_of(kind: Any, data: Any, where: str = "") -> list[Problem]:
    """All problems of `data` as a `kind`; see `validated`."""
    try:
        TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        return _problems(kind, error, where)
    return []


def validated(kind: Any, data: Any, where: str) -> Any:
    """Validate plain data.

    Args:
        kind: a `Settings` class, or a type such as `dict[Name, GanSettings]`.
        data: plain data from YAML.
        where: the keys above the data, for messages, for instance `gans.dcgan`.

    Returns:
        `data` as a `kind`.

    Raises:
        UserError: names the first invalid key, its value and what is allowed.
    """
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        raise UserError(str(_problems(kind, error, where)[0])) from None


def read_block(path: Path, keys: Sequence[str], kind: Any) -> Any:
    """Read a typed block of a params file, for instance `read_block(path, ["gans", "dcgan"], GanSettings)`.

    Raises:
        UserError: the block is missing or not valid.
    """
    data: Any = read_yaml(path)
    for depth, key in enumerate(keys):
        if not isinstance(data, dict) or key not in data:
            names = [str(name) for name in data] if isinstance(data, dict) else []
            raise UserError(f"params: `{'.'.join(keys[: depth + 1])}` is missing; {did_you_mean(key, names)}")
        data = data[key]
    return validated(kind, data, ".".join(keys))
