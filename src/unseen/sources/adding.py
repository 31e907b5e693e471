"""Adds sources of the catalogue to a params file. Existing lines, including comments, are not changed.

New lines have the format of DVC, since `dvc exp run -S` rewrites the file in that format.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML

from unseen.core.errors import UserError
from unseen.core.files import atomic_file
from unseen.core.settings import problems_of, validated
from unseen.core.yaml_text import read_yaml
from unseen.params.check import checked
from unseen.sources.archives import AnyArchive
from unseen.sources.catalogue import entry, load_catalogue
from unseen.sources.shared.checksums import origin
from unseen.sources.shared.settings import ArchiveSettings

SECTIONS = ("archives", "sources")


def _as_dvc_writes(section: str, blocks: Mapping[str, Any]) -> list[str]:
    """The lines of blocks in a section, as `dvc.utils.serialize.dump_yaml` writes them."""
    writer = YAML()
    writer.default_flow_style = False
    stream = io.StringIO()
    writer.dump({section: dict(blocks)}, stream)
    return stream.getvalue().splitlines()[1:]


def _last_line(node: yaml.Node) -> int:
    """The last line of a value, counted from 0, without the comments and empty lines after it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    return node.end_mark.line - (node.end_mark.column == 0 and node.end_mark.line > node.start_mark.line)


def _inserted(text: str, section: str, lines: Sequence[str], file: Path) -> str:
    """Insert lines at the end of a section of the text."""
    there = text.splitlines(keepends=True)
    end = "\r\n" if there and there[0].endswith("\r\n") else "\n"
    new = [line + end for line in lines]
    root = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    found = next(((key, value) for key, value in root.value if key.value == section), None)
    if found is None:
        start = [] if not there or there[-1].endswith("\n") else [end]
        return "".join([*there, *start, f"{section}:{end}", *new])
    key, value = found
    if isinstance(value, yaml.MappingNode) and not value.flow_style:
        indent = " " * value.value[0][0].start_mark.column
        new = [indent + line[2:] if line.strip() else line for line in new]
        place = _last_line(value)
        if not there[place].endswith("\n"):
            there[place] += end
    elif not value.value:  # `{}`, or nothing
        place, first, last = key.start_mark.line, value.start_mark, value.end_mark
        if first.line == last.line == place:
            there[place] = (there[place][: first.column].rstrip() + there[place][last.column :]).rstrip() + end
    else:
        raise UserError(f"{file}: `{section}` is in braces; write it as a block, one key per line, then add again")
    return "".join([*there[: place + 1], *new, *there[place + 1 :]])


def _wanted(data: Mapping[str, Any], names: Sequence[str], file: Path) -> dict[str, dict[str, Any]]:
    """The blocks, with comments, that the file does not have yet.

    Raises:
        UserError: a source exists already, or a different archive has the same name.
    """
    blocks: dict[str, dict[str, Any]] = YAML().load(entry(*names))
    for section in SECTIONS:
        known = data.get(section) or {}
        if not isinstance(known, dict):
            raise UserError(f"{file}: `{section}` is not a mapping; correct that first (`unseen check`)")
        for name in [name for name in blocks[section] if name in known]:
            if section == "sources":
                raise UserError(f"{file}: `sources.{name}` exists already; nothing was added")
            if not _same_archive(known[name], load_catalogue().archives[name]):
                raise UserError(f"{file}: `archives.{name}` is a different archive; rename it, then add again")
            del blocks[section][name]
    return blocks


def _same_archive(block: Any, archive: ArchiveSettings) -> bool:
    good = not problems_of(AnyArchive, block)
    return good and origin(validated(AnyArchive, block, "archives")) == origin(archive)


def add(file: Path, names: Sequence[str]) -> list[str]:
    """Add sources of the catalogue and their archives to a params file.

    Args:
        file: the params file; it is replaced atomically, and not changed if there is an error.
        names: sources of the catalogue.

    Returns:
        The keys that were added, such as `sources.lfw`.

    Raises:
        UserError: a source is unknown or exists already, or the file would not be valid.
    """
    data = read_yaml(file)
    blocks = _wanted(data, names, file)
    text = file.read_bytes().decode()
    for section in SECTIONS:
        if blocks[section]:
            text = _inserted(text, section, _as_dvc_writes(section, blocks[section]), file)
    with atomic_file(file.resolve()) as part:
        part.write_bytes(text.encode())
        plain = yaml.safe_load(entry(*names))
        new = {section: {name: plain[section][name] for name in blocks[section]} for section in SECTIONS}
        merged = {section: {**(data.get(section) or {}), **new[section]} for section in SECTIONS}
        if read_yaml(part) != {**data, **merged}:
            raise UserError(f"{file}: format not supported; paste the lines of `unseen sources {names[0]}` yourself")
        before = {problem.split(": ", 1)[1] for problem in checked(file).problems}
        for problem in checked(part).problems:
            if (text := problem.split(": ", 1)[1]) not in before:
                raise UserError(f"{file}: nothing was added, since the file would not be valid: {text}")
    return [f"{section}.{name}" for section in SECTIONS for name in blocks[section]]
