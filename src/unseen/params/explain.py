"""Every knob of a params file, those at their defaults included."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from unseen.params.check import Params

WIDEST = 40
"""Characters of a value beyond which the columns to its right are not aligned with those of other knobs."""


@dataclass(frozen=True)
class Knob:
    """A knob, its value, and what it means."""

    key: str
    """The path, such as `gans.dcgan.images`."""
    value: str
    """As it would be written in the file."""
    default: bool
    """It is not written in the file."""
    meaning: str
    """With its unit; empty where the name says all."""


def _text(value: Any) -> str:
    """A value as it would be written: JSON is YAML, and names need no quotes."""
    if isinstance(value, str) and value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _meaning(settings: type[BaseModel], name: str) -> str:
    """The description of a field; a kind that has only a default of its own has that of the class that it extends."""
    for parent in settings.__mro__:
        field = parent.model_fields.get(name) if issubclass(parent, BaseModel) else None
        if field and field.description:
            return field.description
    return ""


def _knobs(value: Any, written: Any, there: bool, key: str, meaning: str) -> Iterator[Knob]:
    """The knobs of a value.

    Args:
        value: what was parsed.
        written: what stands in the file, None where nothing does.
        there: whether something stands there.
        key: the path.
        meaning: of the value.
    """
    below: Mapping[str, Any] = written if isinstance(written, dict) else {}
    items = isinstance(value, dict) and value and all(isinstance(item, BaseModel) for item in value.values())
    if isinstance(value, BaseModel) and type(value).__str__ is BaseModel.__str__:
        for name in type(value).model_fields:
            path = f"{key}.{name}" if key else name
            yield from _knobs(getattr(value, name), below.get(name), name in below, path, _meaning(type(value), name))
    elif items:
        for name, item in value.items():
            yield from _knobs(item, below.get(name), name in below, f"{key}.{name}", meaning)
    else:
        yield Knob(key, str(value) if isinstance(value, BaseModel) else _text(value), not there, meaning)


def knobs(params: Params, data: Mapping[str, Any]) -> list[Knob]:
    """Every knob, in the order of the blocks.

    Args:
        params: the parsed file.
        data: the same file as plain data.
    """
    return list(_knobs(params, dict(data), True, "", ""))


def explained(params: Params, data: Mapping[str, Any]) -> list[str]:
    """A line a knob: key, value, `(default)` where it is not written, and meaning; a blank line between blocks."""
    lines: list[str] = []
    found = knobs(params, data)
    left = max(len(knob.key) for knob in found)
    middle = max(len(knob.value) for knob in found if len(knob.value) <= WIDEST)
    for before, knob in zip([None, *found], found, strict=False):
        block = knob.key.partition(".")[0]
        if before and before.key.partition(".")[0] != block:
            lines.append("")
        mark = "(default)" if knob.default else ""
        lines.append(f"{knob.key:{left}}  {knob.value:{middle}}  {mark:9}  {knob.meaning}".rstrip())
    return lines
