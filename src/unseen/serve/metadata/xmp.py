"""Read IPTC's `DigitalSourceType` and references to remote manifests from an XMP packet.

Expat parses the packet as a stream. Parsing stops at a document type declaration, so entities are never expanded.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from xml.parsers import expat

SOURCE_TYPE = "digitalsourcetype"
TERMS = "http://purl.org/dc/terms/"
RDF_RESOURCE = "http://www.w3.org/1999/02/22-rdf-syntax-ns# resource"
MOST_TEXT = 200
MOST_VALUES = 8


@dataclass
class Packet:
    """The relevant content of a packet.

    Attributes:
        source_types: values of `DigitalSourceType`, usually URLs of IPTC's vocabulary.
        remote_manifest: whether the packet says that a C2PA manifest is stored at a URL. It is not fetched.
    """

    source_types: list[str] = field(default_factory=list)
    remote_manifest: bool = False

    def add(self, text: str) -> None:
        """Add a source type."""
        text = text.strip()[:MOST_TEXT]
        if text and text not in self.source_types and len(self.source_types) < MOST_VALUES:
            self.source_types.append(text)


class _RefusedError(Exception):
    """The packet has a document type declaration."""


def _refuse(*_: object) -> None:
    raise _RefusedError


def _local(name: str) -> str:
    return name.rpartition(" ")[2].casefold()


def _handlers(
    found: Packet,
) -> tuple[Callable[[str, dict[str, str]], None], Callable[[str], None], Callable[[str], None]]:
    text: list[str] = []
    inside: list[bool] = [False]

    def start(name: str, attributes: dict[str, str]) -> None:
        for key, value in attributes.items():
            if _local(key) == SOURCE_TYPE:
                found.add(value)
            found.remote_manifest |= key == f"{TERMS} provenance" and value.startswith("http")
        found.remote_manifest |= name == f"{TERMS} provenance"
        if _local(name) == SOURCE_TYPE:
            inside[0] = True
            text.clear()
            found.add(attributes.get(RDF_RESOURCE, ""))

    def end(name: str) -> None:
        if _local(name) == SOURCE_TYPE:
            inside[0] = False
            found.add("".join(text))

    def characters(data: str) -> None:
        if inside[0] and len(text) < MOST_TEXT:
            text.append(data[:MOST_TEXT])

    return start, end, characters


def read_xmp(packet: bytes) -> Packet:
    """Read a packet. For a damaged packet, the content before the damage is returned."""
    found = Packet()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = _handlers(found)
    with suppress(expat.ExpatError, _RefusedError, ValueError, LookupError):
        parser.Parse(packet.strip(b"\0"), True)
    return found
