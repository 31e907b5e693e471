"""What a picture's file says about its origin: C2PA manifest, IPTC source type, text of generators.

These are facts of the file, apart from any estimate: no score or verdict uses them. Absence means nothing, because
most programs and sites remove metadata. Presence can be forged, unless a signature is valid and its signer trusted.
"""

from dataclasses import asdict, dataclass
from typing import Any

from unseen.serve.metadata.containers import Parts, parts_of
from unseen.serve.metadata.jumbf import claims_of
from unseen.serve.metadata.signature import Signature, verify
from unseen.serve.metadata.xmp import read_xmp

GENERATOR_TEXTS = ("parameters", "prompt", "workflow", "sd-metadata", "invokeai_metadata", "Dream", "generation_data")
"""Keywords of PNG text chunks by Stable Diffusion web UI, ComfyUI, InvokeAI and others."""

MOST_SHOWN = 3


@dataclass(frozen=True)
class C2paManifest:
    """An embedded C2PA manifest store.

    Attributes:
        bytes: its size.
        manifests: number of manifests in it: the file's own, and those of pictures that it was made from.
        generators: programs that wrote the claims.
        actions: such as `c2pa.created`, of all manifests.
        source_types: IPTC's `digitalSourceType` of the actions.
        signature: state of the file's own manifest; the other fields are what the file says, whatever the state is.
        signature_detail: codes of failed checks, or why nothing was verified.
        damaged: whether a part could not be read.
    """

    bytes: int
    manifests: int
    generators: tuple[str, ...]
    actions: tuple[str, ...]
    source_types: tuple[str, ...]
    signature: Signature
    signature_detail: str
    damaged: bool


@dataclass(frozen=True)
class GeneratorText:
    """A PNG text chunk with a keyword that image generators use. Its text is not read."""

    keyword: str
    bytes: int


@dataclass(frozen=True)
class Provenance:
    """What a file says about its origin. False if it says nothing.

    Attributes:
        c2pa: the embedded manifest store; None if there is none.
        remote_manifest: whether the file says that a C2PA manifest is kept elsewhere. It is not fetched.
        source_types: IPTC's `DigitalSourceType` in XMP, such as
            `http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia`.
        texts: text chunks of generators.
    """

    c2pa: C2paManifest | None = None
    remote_manifest: bool = False
    source_types: tuple[str, ...] = ()
    texts: tuple[GeneratorText, ...] = ()

    def __bool__(self) -> bool:
        return self != NOTHING

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    def text(self) -> str:
        """One line; empty if the file says nothing. It may hold control characters of the file."""
        said = []
        if self.c2pa:
            said.append(_manifest_text(self.c2pa))
        if self.remote_manifest:
            said.append("C2PA manifest elsewhere, not fetched")
        if self.source_types:
            said.append(f"XMP source type {_short(self.source_types)}")
        said += [f"text chunk `{chunk.keyword}` of {chunk.bytes} bytes" for chunk in self.texts[:MOST_SHOWN]]
        return "; ".join(said)


NOTHING = Provenance()


def _short(values: tuple[str, ...]) -> str:
    """The last parts of addresses of IPTC's list."""
    parts = [value.rstrip("/").rpartition("/")[2][:60] for value in values[:MOST_SHOWN]]
    more = len(values) - MOST_SHOWN
    return ", ".join(parts) + (f" and {more} more" if more > 0 else "")


def _manifest_text(found: C2paManifest) -> str:
    detail = f" ({found.signature_detail})" if found.signature_detail else ""
    said = [f"C2PA manifest, signature {found.signature}{detail}"]
    if found.generators:
        said.append(f"by {_short(found.generators)}")
    if found.source_types:
        said.append(f"source type {_short(found.source_types)}")
    return ", ".join(said)


def _manifest(parts: Parts, data: bytes) -> C2paManifest:
    claims = claims_of(parts.jumbf)
    signature, detail = verify(data, parts.kind)
    return C2paManifest(
        bytes=len(parts.jumbf),
        manifests=claims.manifests,
        generators=tuple(claims.generators),
        actions=tuple(claims.actions),
        source_types=tuple(claims.source_types),
        signature=signature,
        signature_detail=detail,
        damaged=claims.damaged,
    )


def provenance(data: bytes) -> Provenance:
    """Read what a file says about its origin. Never raises for damaged bytes; the work is bounded by their number.

    Args:
        data: all bytes of the file. JPEG, PNG, WebP, HEIC and AVIF are read; in other formats XMP is searched for.
    """
    parts = parts_of(data)
    packets = [read_xmp(packet) for packet in parts.xmp]
    return Provenance(
        c2pa=_manifest(parts, data) if parts.jumbf else None,
        remote_manifest=any(packet.remote_manifest for packet in packets),
        source_types=tuple(dict.fromkeys(text for packet in packets for text in packet.source_types)),
        texts=tuple(GeneratorText(*chunk) for chunk in parts.texts if chunk[0] in GENERATOR_TEXTS),
    )
