"""Facts about the origin of a file: what is found, what is refused, and that hostile bytes are harmless."""

import io
import sys
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from unseen.serve import provenance as module
from unseen.serve.metadata import containers, signature
from unseen.serve.network import LoadedDetector
from unseen.serve.predict import predict
from unseen.serve.prediction import rows_of
from unseen.serve.provenance import NOTHING, GeneratorText, Provenance, provenance

from .metadata.files import (
    AI,
    app11,
    box,
    c2pa_box,
    cbor,
    chunk,
    heic,
    itxt,
    jpeg,
    picture,
    png,
    segment,
    store,
    superbox,
    webp,
    xmp,
)
from .test_predict import artifact, encoded, opened

__all__ = ["artifact", "opened"]  # fixtures

APP1 = b"http://ns.adobe.com/xap/1.0/\0"


@pytest.fixture(autouse=True)
def no_c2pa(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if c2pa-python were not installed; tests/serve/metadata/test_signature.py has tests with it."""
    monkeypatch.setitem(sys.modules, "c2pa", None)


@pytest.fixture
def png_of_portrait(portrait: Image.Image) -> bytes:
    """The portrait's exact pixels as a file."""
    return encoded(portrait, "PNG")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_picture_without_metadata_says_nothing(kind: str) -> None:
    found = provenance(picture(kind))
    assert found == NOTHING
    assert not found
    assert found.text() == ""


@pytest.mark.parametrize(
    "data",
    [
        jpeg(*app11(store())),
        jpeg(*app11(store(), 100)),
        jpeg(*app11(store(), 150, order=[2, 0, 1])),
        png(chunk(b"caBX", store())),
        webp((b"C2PA", store())),
        heic(box(b"free", b"12345"), c2pa_box(store())),
    ],
    ids=["jpeg", "jpeg in packets", "jpeg, packets in disorder", "png", "webp", "heic"],
)
def test_manifest_of_each_container(data: bytes) -> None:
    found = provenance(data).c2pa
    assert found
    assert found.bytes == len(store())
    assert (found.manifests, found.generators, found.actions) == (1, ("maker 1.2",), ("c2pa.created",))
    assert (found.source_types, found.damaged) == ((AI,), False)
    assert (found.signature, found.signature_detail) == ("not verified", "c2pa-python is not installed")


def test_text_of_a_manifest() -> None:
    assert provenance(jpeg(*app11(store()))).text() == (
        "C2PA manifest, signature not verified (c2pa-python is not installed), by maker 1.2, "
        "source type trainedAlgorithmicMedia"
    )


@pytest.mark.parametrize(
    "data",
    [
        jpeg(segment(0xE1, b"Exif\0\0"), segment(0xE1, APP1 + xmp())),
        png(itxt(xmp())),
        png(itxt(xmp(), compressed=True)),
        webp((b"XMP ", xmp())),
        heic(box(b"meta", b"1234"), box(b"mdat", b"5678" + xmp())),
        heic(box(b"uuid", containers.XMP_OF_ISO + xmp())),
        picture("TIFF") + xmp(),
    ],
    ids=["jpeg", "png", "png, compressed", "webp", "heic, item", "heic, uuid", "tiff"],
)
def test_source_type_of_each_container(data: bytes) -> None:
    found = provenance(data)
    assert found == Provenance(source_types=(AI,))
    assert found.text() == "XMP source type trainedAlgorithmicMedia"


@pytest.mark.parametrize(
    ("attributes", "elements", "expected"),
    [
        ("", f"<I:DigitalSourceType>{AI}</I:DigitalSourceType>", (AI,)),
        ("", f'<I:DigitalSourceType rdf:resource="{AI}"/>', (AI,)),
        ("", "<I:DigitalSourceType>a&amp;b</I:DigitalSourceType>", ("a&b",)),
        ('I:Other="x"', "", ()),
        (f'I:DigitalSourceType="{"x" * 999}"', "", ("x" * 200,)),
        ('I:DigitalSourceType="a"', "<not closed>", ("a",)),
    ],
)
def test_forms_of_a_source_type(attributes: str, elements: str, expected: tuple[str, ...]) -> None:
    assert provenance(png(itxt(xmp(attributes, elements)))).source_types == expected


def test_a_manifest_kept_elsewhere_is_a_fact() -> None:
    found = provenance(png(itxt(xmp('d:provenance="https://example.org/m.c2pa"'))))
    assert found == Provenance(remote_manifest=True)
    assert found.text() == "C2PA manifest elsewhere, not fetched"
    assert not provenance(png(itxt(xmp('d:provenance="self#jumbf=x"')))).remote_manifest


def test_text_chunks_of_generators() -> None:
    data = png(chunk(b"tEXt", b"Software\0GIMP"), chunk(b"tEXt", b"parameters\0" + b"x" * 812))
    found = provenance(data + png(chunk(b"tEXt", b"prompt\0x")))  # nothing after the end is read
    assert found == Provenance(texts=(GeneratorText("parameters", 812),))
    assert found.text() == "text chunk `parameters` of 812 bytes"


def test_documents_with_a_type_declaration_are_not_read() -> None:
    """No entity is expanded, neither one of many levels nor an external one."""
    levels = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "ha" * 50}">' for i in range(10))
    bomb = f'<!DOCTYPE x [{levels}]><x xmlns:I="http://i/" I:DigitalSourceType="&e9;"/>'.encode()
    file = b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x xmlns:I="i" I:DigitalSourceType="&f;"/>'
    small = b'<!DOCTYPE x [<!ENTITY e "value">]><x xmlns:I="i" I:DigitalSourceType="&e;"/>'
    start = time.monotonic()
    assert provenance(png(itxt(bomb), itxt(file), itxt(small))) == NOTHING
    assert time.monotonic() - start < 1


def test_a_compressed_bomb_is_not_inflated() -> None:
    bomb = png(itxt(b" " * (300 << 20), compressed=True))
    assert len(bomb) < 1 << 20
    start = time.monotonic()
    assert provenance(bomb) == NOTHING
    assert time.monotonic() - start < 1


def nested(depth: int) -> bytes:
    """Boxes in boxes around a claim."""
    inner = superbox(b"c2cl", "c2pa.claim", box(b"cbor", cbor({"claim_generator": "x"})))
    for _ in range(depth):
        inner = superbox(b"c2ma", "c2pa", inner)
    return superbox(b"c2pa", "c2pa", inner)


@pytest.mark.parametrize(
    ("manifest", "generators"),
    [
        (nested(3), ("x",)),
        (nested(2000), ()),
        (store(actions=b"\x81" * 5000), ("maker 1.2",)),
        (store(actions=b"[" * 500_000, kind=b"json"), ("maker 1.2",)),
        (store(actions=b"\x9b" + b"\xff" * 8), ("maker 1.2",)),
        (store(actions=b"\x7f\x7f\xff"), ("maker 1.2",)),
        (store(actions=b"\x9f" + b"\xf6" * 200_000 + b"\xff"), ("maker 1.2",)),
        (store(claim={"claim_generator_info": [{"name": 5}, 3], "claim_generator": "old/1"}), ("old/1",)),
        (store(claim=[1]), ()),
        (store(claim={"claim_generator": "y" * 999}), ("y" * 200,)),
    ],
    ids=[
        "three deep",
        "deep",
        "deep cbor",
        "deep json",
        "long",
        "pieces",
        "many",
        "wrong types",
        "a list",
        "long text",
    ],
)
def test_hostile_manifests(manifest: bytes, generators: tuple[str, ...]) -> None:
    start = time.monotonic()
    found = provenance(png(chunk(b"caBX", manifest))).c2pa
    assert found
    assert found.generators == generators
    assert time.monotonic() - start < 1


def test_indefinite_lengths_and_json() -> None:
    actions = b"\xbf\x7f\x64acti\x63ons\xff\x9f\xa1" + cbor("action") + cbor("c2pa.edited") + b"\xff\xff"
    for manifest in (
        store(actions=actions, label="c2pa.actions"),
        store(actions=b'{"actions": [{"action": "c2pa.edited"}, 7]}', kind=b"json", label="c2pa.actions__1"),
    ):
        found = provenance(png(chunk(b"caBX", manifest))).c2pa
        assert found
        assert (found.actions, found.damaged) == (("c2pa.edited",), False)


def test_what_is_kept_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    many = {"actions": [{"action": f"a{i}", "digitalSourceType": f"s{i}"} for i in range(500)]}
    found = provenance(png(chunk(b"caBX", store(actions=many))))
    assert found.c2pa
    assert len(found.c2pa.actions) == len(found.c2pa.source_types) == 32
    assert found.text().endswith("source type s0, s1, s2 and 29 more")
    monkeypatch.setattr(containers, "MOST_BYTES", 100)
    assert provenance(png(chunk(b"caBX", store()))) == NOTHING


SEEDS = [
    jpeg(segment(0xE1, APP1 + xmp()), *app11(store(), 200)),
    png(chunk(b"caBX", store()), itxt(xmp()), itxt(xmp(), compressed=True), chunk(b"tEXt", b"prompt\0x")),
    webp((b"C2PA", store()), (b"XMP ", xmp())),
    heic(c2pa_box(store()), box(b"mdat", xmp())),
]


def is_short_and_complete(found: Provenance) -> bool:
    """Whether the text is bounded, and the data have the entry that is always there."""
    return len(found.text()) < 3000 and found.as_dict()["remote_manifest"] in (True, False)


@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF....WEBP", b"\0\0\0\x10ftyp"]), st.binary())
@example(b"", b"<x:xmpmeta")
def test_any_bytes(start: bytes, rest: bytes) -> None:
    assert is_short_and_complete(provenance(start + rest))


@settings(max_examples=400, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8), st.floats(0, 1))
def test_files_with_other_bytes(seed: bytes, changes: list[tuple[float, int]], cut: float) -> None:
    data = bytearray(seed)
    for where, value in changes:
        data[int(where * (len(data) - 1))] = value
    assert is_short_and_complete(provenance(bytes(data[: int(cut * len(data)) if cut < 0.5 else None])))


@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([b"cbor", b"json"]))
def test_any_assertion(content: bytes, kind: bytes) -> None:
    found = provenance(png(chunk(b"caBX", store(actions=content, kind=kind)))).c2pa
    assert found
    assert found.generators == ("maker 1.2",)


def test_a_signature_is_a_fact_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the state is, the other facts stay."""
    states: list[signature.Signature] = ["valid", "not trusted", "invalid"]
    for state in states:
        monkeypatch.setattr(module, "verify", lambda data, kind, state=state: (state, ""))
        found = provenance(png(chunk(b"caBX", store()))).c2pa
        assert found
        assert (found.signature, found.generators) == (state, ("maker 1.2",))


def test_a_prediction_has_it_and_no_score_uses_it(opened: LoadedDetector, png_of_portrait: bytes) -> None:
    with_facts = png_of_portrait[:33] + itxt(xmp()) + png_of_portrait[33:]
    without, found = predict([png_of_portrait, with_facts], opened)
    assert not without.provenance
    assert found.provenance == Provenance(source_types=(AI,))
    assert [face.logit for face in found] == pytest.approx([face.logit for face in without], abs=1e-9)
    assert [face.verdict for face in found] == [face.verdict for face in without]
    assert [row["provenance"] for row in rows_of(found)] == ["XMP source type trainedAlgorithmicMedia"]
    assert [row["provenance"] for row in rows_of(without)] == [None]
    assert not next(predict([Image.open(io.BytesIO(with_facts))], opened)).provenance  # no file, no facts
