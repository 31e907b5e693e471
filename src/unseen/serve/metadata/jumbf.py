"""Read a C2PA manifest store (JUMBF, ISO 19566-5): claim generators and actions of all its manifests.

The claims are not verified here. `unseen.serve.metadata.signature` verifies the signature.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from unseen.serve.metadata import cbor

MOST_DEPTH = 16
MOST_BOXES = 20_000
MOST_FACTS = 32
"""Maximum number of claim generators, of actions and of source types that are kept."""
MOST_TEXT = 200
MOST_CONTENT = 1 << 20
"""Maximum bytes of a claim or an assertion with actions."""

CLAIMS = ("c2pa.claim", "c2pa.claim.v2")
ACTIONS = ("c2pa.actions", "c2pa.actions.v2")


@dataclass
class Claims:
    """The claims of all manifests of a store, without duplicates, in file order.

    Attributes:
        manifests: number of manifests: that of the file, and those of the pictures that it was made from.
        generators: programs that wrote the claims.
        actions: actions such as `c2pa.created`.
        source_types: IPTC's `digitalSourceType` of the actions, as URLs.
        damaged: whether a part could not be read.
    """

    manifests: int = 0
    generators: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    source_types: list[str] = field(default_factory=list)
    damaged: bool = False


class _Reader:
    def __init__(self) -> None:
        self.boxes = 0

    def contents(self, data: memoryview, label: str = "", depth: int = 0) -> Iterator[tuple[str, bytes, memoryview]]:
        """Yield label, type and content of each box without child boxes, and the `jumd` box of each box with child
        boxes.

        Raises:
            ValueError: the boxes are damaged or exceed the limits.
        """
        if depth > MOST_DEPTH:
            raise ValueError("JUMBF is nested too deeply")
        at = 0
        while at + 8 <= len(data):
            self.boxes += 1
            length, kind, header = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8]), 8
            if length == 1:
                length, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
            elif length == 0:
                length = len(data) - at
            if length < header or at + length > len(data) or self.boxes > MOST_BOXES:
                raise ValueError("JUMBF is damaged")
            content = data[at + header : at + length]
            if kind == b"jumb":
                yield from self.contents(content, "", depth + 1)
            elif kind == b"jumd":
                label = _label(bytes(content[: 17 + MOST_TEXT]))
                yield label, kind, content[:16]
            else:
                yield label, kind, content
            at += length


def _label(description: bytes) -> str:
    """Read the label of a description box, which has a type (16 bytes), flags, and text up to a zero byte."""
    return description[17:].partition(b"\0")[0].decode("utf-8", "replace") if description[16:17] else ""


def _values(kind: bytes, content: memoryview) -> Any:
    if len(content) > MOST_CONTENT:
        raise ValueError("too large")
    if kind == b"cbor":
        return cbor.decode(bytes(content))
    return json.loads(bytes(content)) if kind == b"json" else None


def _add(found: list[str], text: object) -> None:
    if not isinstance(text, str) or not text or len(found) >= MOST_FACTS:
        return
    # JSON may contain unpaired surrogates, which can't be encoded as UTF-8
    text = text[:MOST_TEXT].encode("utf-8", "replace").decode()
    if text not in found:
        found.append(text)


def _claim(values: Any, found: Claims) -> None:
    info = values.get("claim_generator_info")
    entries = info if isinstance(info, list) else [info]
    named = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("name"), str)]
    for entry in named[:MOST_FACTS]:
        version = entry.get("version")
        _add(found.generators, f"{entry['name']} {version}" if isinstance(version, str) else entry["name"])
    if not named:
        _add(found.generators, values.get("claim_generator"))


def _actions(values: Any, found: Claims) -> None:
    actions = values.get("actions")
    for action in actions if isinstance(actions, list) else ():
        if isinstance(action, dict):
            _add(found.actions, action.get("action"))
            _add(found.source_types, action.get("digitalSourceType"))


def claims_of(store: bytes) -> Claims:
    """Read the claims of a manifest store. Damaged parts are skipped."""
    found = Claims()
    try:
        for label, kind, content in _Reader().contents(memoryview(store)):
            # a second box of the same label is called `c2pa.actions__1`
            name = label.partition("__")[0]
            if kind == b"jumd":
                found.manifests += bytes(content[:4]) in (b"c2ma", b"c2um")
            elif name in (*CLAIMS, *ACTIONS) and kind in (b"cbor", b"json"):
                try:
                    values = _values(kind, content)
                except (ValueError, RecursionError):  # the JSON parser does not limit the depth
                    found.damaged = True
                    continue
                if isinstance(values, dict):
                    (_claim if name in CLAIMS else _actions)(values, found)
    except ValueError:
        found.damaged = True
    return found
