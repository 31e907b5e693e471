"""Where a key stands in a YAML file."""

from collections.abc import Iterator
from pathlib import Path

import yaml

MERGE = "tag:yaml.org,2002:merge"


class Lines:
    """The lines of a file's keys.

    Args:
        file: a YAML file, which has been read without an error.
    """

    def __init__(self, file: Path) -> None:
        self._root = yaml.compose(file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    def of(self, key: str) -> int:
        """The line of a key such as `gans.dcgan.images`; where there is none, that of the nearest block above it."""
        node, line, rest = self._root, 1, key
        while rest:
            inside = [(name, mark, value) for name, mark, value in _items(node) if f"{rest}.".startswith(f"{name}.")]
            if not inside:
                break
            name, line, node = max(inside, key=lambda item: len(item[0]))
            rest = rest[len(name) + 1 :]
        return line


def _items(node: yaml.Node | None) -> Iterator[tuple[str, int, yaml.Node]]:
    """The keys of a block, or the places of a list, with their lines; then those that it takes from another block."""
    if isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            yield str(place), value.start_mark.line + 1, value
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.tag != MERGE:
                yield " ".join(str(name.value).splitlines()), name.start_mark.line + 1, value
        for name, value in node.value:
            if name.tag == MERGE:
                for block in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    yield from _items(block)
