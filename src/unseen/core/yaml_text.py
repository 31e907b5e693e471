"""Read a params file. DVC reads it as well, by another library, so what the two would read differently is refused."""

import re
from pathlib import Path
from typing import Any

import yaml

from unseen.core.errors import UserError

TAG = "tag:yaml.org,2002:"

NUMBERS = {
    "int": re.compile(r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+"),
    "float": re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
}
"""Spellings of numbers that every version of YAML reads the same. `010` is 8 in YAML 1.1, and 10 in YAML 1.2."""

BOOLEANS = re.compile("true|True|TRUE|false|False|FALSE")
"""The same of booleans. `yes` is true in YAML 1.1, and text in YAML 1.2."""

TEXT_IN_1_1 = re.compile(r"[-+]?(0o?[0-9_]+|[0-9_.]*_[0-9_.]*([eE][-+]?[0-9_]+)?)")
"""Numbers for DVC's reader, such as `08`, `0o10` and `1_0e3`, that are text in YAML 1.1."""


class _Problem(yaml.YAMLError):
    """A problem at a line."""

    def __init__(self, node: yaml.Node | yaml.Event, text: str) -> None:
        super().__init__(text)
        self.line = node.start_mark.line + 1 if node.start_mark else 1


class _Loader(yaml.SafeLoader):
    """Reads what DVC reads, or raises an error: PyYAML reads YAML 1.1, and DVC's reader YAML 1.2.

    Raises an error also for duplicate keys: a copied block with an unchanged name would silently replace the first.
    Merge keys such as `{<<: *other, seed: 1}` are allowed, and a block's own keys override them. `1e-3` and `-.5` are
    numbers, as in DVC; PyYAML's loader reads them as text.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) is not None:
            raise _Problem(event, f"`{event.tag.replace(TAG, '!!')}`: tags are not read; remove it, and quote text")
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.ScalarNode) and node.style is None:
            _check(node)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping and check its keys, here and not in `construct_mapping`: merging changes the nodes."""
        node = super().compose_mapping_node(anchor)
        names = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, value in node.value:
            if node.flow_style and getattr(key, "style", "") is None and ":" in key.value and value.value == "":
                raise _Problem(key, f"`{key.value}` is one text within braces; write a space after the colon")
        for tag, name in names:
            if names.count((tag, name)) > 1:
                raise _Problem(node, f"duplicate key `{name}` in the block that starts here; rename or remove one")
        return node


# YAML 1.2, https://yaml.org/spec/1.2.2/#103-core-schema: the point and the exponent's sign are optional.
_Loader.add_implicit_resolver(
    f"{TAG}float", re.compile(r"([-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+|[-+]\.[0-9]+)$"), list("-+0123456789")
)


def _check(node: yaml.ScalarNode) -> None:
    """Check that a scalar without quotes is read the same by YAML 1.1 and 1.2.

    Raises:
        _Problem: says what to write.
    """
    kind, value = node.tag.removeprefix(TAG), node.value
    if kind == "bool" and not BOOLEANS.fullmatch(value):
        meant = "true" if value.lower() in ("yes", "on") else "false"
        raise _Problem(node, f"`{value}` is a boolean in YAML 1.1 and text in YAML 1.2; write {meant}, or '{value}'")
    if (kind in NUMBERS and not NUMBERS[kind].fullmatch(value)) or (kind == "str" and TEXT_IN_1_1.fullmatch(value)):
        raise _Problem(
            node,
            f"`{value}` is another value in YAML 1.1 than in YAML 1.2; write a decimal number without leading zeros, "
            f"colons and underscores, or, if it is text, '{value}'",
        )
    if kind == "timestamp":
        raise _Problem(node, f"`{value}` is a date in YAML, and no value is one; if it is text, write '{value}'")


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: not found; run this from the project's folder") from None
    except OSError as error:
        raise UserError(f"{path}: not readable: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}: byte {data[error.start]:#04x} in line {line} is not UTF-8; save it as UTF-8"
        ) from None
    if "\0" in text:  # UTF-16 without a byte order mark
        raise UserError(f"{path}: has bytes of value 0, so it is not UTF-8; save it as UTF-8")
    return text


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a params file as plain data.

    Raises:
        UserError: the file does not exist, is not a YAML mapping, or has a value that YAML 1.1 and 1.2 read
            differently.
    """
    try:
        data = yaml.load(_text(path), _Loader)
    except _Problem as problem:
        raise UserError(f"{path}:{problem.line}: {problem}") from None
    except ValueError:  # `int` refuses thousands of digits
        raise UserError(f"{path}: not valid YAML: a number has too many digits; write a shorter one") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise UserError(f"{path}: not valid YAML: nested too deeply; close the brackets") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: must be a mapping of blocks such as `faces:` and `detectors:`")
    return data
