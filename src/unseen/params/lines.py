"""Line numbers of keys in a YAML file."""

from collections.abc import Iterator
from pathlib import Path

import yaml

MERGE = "tag:yaml.org,2002:merge"


class Lines:
    """Line numbers of the keys of a file.

    Args:
        file: a valid YAML file.
    """

    def __init__(self, file: Path) -> None:
        self._root = yaml.compose(file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    def of(self, key: str) -> int:
        """Return the line of a key such as `gans.dcgan.images`; if it is missing, the line of the nearest parent."""
        node, line, rest = self._root, 1, key
        while rest:
            inside = [(name, mark, value) for name, mark, value in _items(node) if f"{rest}.".startswith(f"{name}.")]
            if not inside:
                break
            name, line, node = max(inside, key=lambda item: len(item[0]))
            rest = rest[len(name) + 1 :]
        return line


def _items(node: yaml.Node | None) -> Iterator[tuple[str, int, yaml.Node]]:
    """Yield keys of a mapping or indices of a list, with line and value; merged (`<<`) mappings come last."""
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
