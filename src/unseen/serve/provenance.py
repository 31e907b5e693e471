"""What the metadata of a picture's file say about its origin: C2PA manifest, IPTC source type, text of generators.

Scores and verdicts do not use them. Missing metadata mean nothing, because most programs and sites remove them.
Metadata can be forged, unless a signature is valid and its signer is trusted.
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
        bytes: size of the store.
        manifests: number of manifests: that of the file, and those of the pictures that it was made from.
        generators: programs that wrote the claims.
        actions: actions of all manifests, such as `c2pa.created`.
        source_types: IPTC's `digitalSourceType` of the actions.
        signature: state of the signature of the file's own manifest. The other fields are reported as stored in the
            file, even if the signature is invalid.
        signature_detail: codes of failed checks, or why nothing was verified.
        damaged: whether a part of the store could not be read.
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
    """What a file says about its origin. False in a boolean context if it says nothing.

    Attributes:
        c2pa: the embedded manifest store; None if there is none.
        remote_manifest: whether the file says that its C2PA manifest is stored at a URL. It is not fetched.
        source_types: IPTC's `DigitalSourceType` in XMP, such as
            `http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia`.
        texts: PNG text chunks of generators.
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
        """Summary in one line; empty if the file says nothing. It may contain control characters from the file."""
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
    """Join values; of a URL of IPTC's vocabulary, only the last part is used."""
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
    """Read what a file says about its origin. Damaged bytes raise no exception, and the work is bounded by their
    number.

    Args:
        data: all bytes of the file. JPEG, PNG, WebP, HEIC and AVIF are parsed; other formats are searched for XMP.
    """
    parts = parts_of(data)
    packets = [read_xmp(packet) for packet in parts.xmp]
    return Provenance(
        c2pa=_manifest(parts, data) if parts.jumbf else None,
        remote_manifest=any(packet.remote_manifest for packet in packets),
        source_types=tuple(dict.fromkeys(text for packet in packets for text in packet.source_types)),
        texts=tuple(GeneratorText(*chunk) for chunk in parts.texts if chunk[0] in GENERATOR_TEXTS),
    )
