"""Signatures of C2PA manifests, verified by c2pa-python: states, and no request to any address that a file names."""

import datetime
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from PIL import Image

from unseen.serve.metadata import signature
from unseen.serve.metadata.signature import verify
from unseen.serve.provenance import provenance

from .files import AI, app11, jpeg, store

c2pa = pytest.importorskip("c2pa")
x509 = pytest.importorskip("cryptography.x509")

MANIFEST = {
    "claim_generator_info": [{"name": "maker", "version": "1.2"}],
    "title": "a",
    "assertions": [
        {"label": "c2pa.actions", "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": AI}]}}
    ],
}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    """Address of a server on loopback, and the paths of its requests."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_HEAD = do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}", seen
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="module")
def signer(server: tuple[str, list[str]]) -> dict[str, Any]:
    """A certificate of a test authority, which names the server for revocation (OCSP), its key, and the authority."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    oid, extended = x509.oid.NameOID, x509.oid.ExtendedKeyUsageOID
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name([x509.NameAttribute(oid.ORGANIZATION_NAME, "Test"), x509.NameAttribute(oid.COMMON_NAME, name)])
        for name in ("authority", "signer")
    ]
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    others = "key_encipherment content_commitment data_encipherment key_agreement encipher_only decipher_only"
    usage = dict.fromkeys(others.split(), False)
    certificates = []
    for is_signer in (0, 1):
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[is_signer])
            .issuer_name(names[0])
            .public_key(keys[is_signer].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + 30 * day)
            .add_extension(x509.BasicConstraints(not is_signer, None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[is_signer].public_key()), False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=bool(is_signer), key_cert_sign=not is_signer, crl_sign=not is_signer, **usage
                ),
                True,
            )
        )
        if is_signer:
            revocation = x509.AccessDescription(
                x509.oid.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"{server[0]}/ocsp")
            )
            builder = (
                builder.add_extension(x509.ExtendedKeyUsage([extended.EMAIL_PROTECTION]), False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), False)
                .add_extension(x509.AuthorityInformationAccess([revocation]), False)
            )
        certificates.append(builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"chain": certificates[1] + certificates[0], "key": private, "authority": certificates[0].decode()}


def signed(signer: dict[str, Any], kind: str, remote: str = "", embed: bool = True) -> bytes:
    """A picture with a signed manifest, embedded, or only at an address, or both."""
    plain, out = io.BytesIO(), io.BytesIO()
    Image.effect_noise((32, 32), 50).convert("RGB").save(plain, kind)
    plain.seek(0)
    with c2pa.Builder(json.dumps(MANIFEST)) as builder:
        if remote:
            builder.set_remote_url(remote)
        if not embed:
            builder.set_no_embed()
        info = c2pa.C2paSignerInfo(b"es256", signer["chain"], signer["key"], None)
        builder.sign(c2pa.Signer.from_info(info), f"image/{kind.lower()}", plain, out)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_states_of_a_signed_file(signer: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = signed(signer, kind)
    found = provenance(data).c2pa
    assert found
    assert (found.signature, found.signature_detail) == ("not trusted", "signingCredential.untrusted")
    assert (found.generators, found.source_types) == (("maker 1.2",), (AI,))
    changed = bytearray(data)
    changed[-40] ^= 1
    after = provenance(bytes(changed)).c2pa
    assert after
    assert after.signature == "invalid"
    assert after.generators == ("maker 1.2",)
    trust = {**signature.SETTINGS, "trust": {"trust_anchors": signer["authority"]}}
    monkeypatch.setattr(signature, "SETTINGS", trust)
    assert verify(data, f"image/{kind.lower()}")[0] == "valid"


def test_a_manifest_without_a_signature_is_invalid() -> None:
    found = provenance(jpeg(*app11(store()))).c2pa
    assert found
    assert (found.signature, bool(found.signature_detail)) == ("invalid", True)


def test_no_address_in_a_file_is_asked(signer: dict[str, Any], server: tuple[str, list[str]]) -> None:
    """Neither for a manifest nor for the revocation of a certificate; by default the library asks."""
    address, seen = server
    for embed in (True, False):
        data = signed(signer, "JPEG", f"{address}/manifest", embed)
        found = provenance(data)
        assert bool(found.c2pa) == embed
        assert found.remote_manifest
        verify(data, "image/jpeg")  # also without an embedded manifest
    assert seen == []
    with pytest.raises(c2pa.C2paError):
        c2pa.Reader("image/jpeg", io.BytesIO(data))
    assert seen == ["/manifest"]
    seen.clear()


def test_large_files_are_not_verified(signer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature, "MOST_BYTES", 10)
    assert verify(signed(signer, "PNG"), "image/png") == ("not verified", "the file is too large")
