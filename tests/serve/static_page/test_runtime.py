"""ONNX Runtime Web from an archive, a folder or a registry; other versions are refused."""

import base64
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sources.loopback import Site, serving
from unseen.core.errors import UserError
from unseen.serve.static_page import runtime
from unseen.serve.static_page.runtime import MEMBERS, PACKAGE, VERSION, runtime_files

CONTENT = {"ort.js": b"export const env = {};", "ort.wasm": b"\0asm"}


def archive_of(files: dict[str, bytes]) -> bytes:
    """An archive as `npm pack` writes it."""
    buffer = io.BytesIO()
    described = json.dumps({"name": PACKAGE, "version": VERSION}).encode()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in {"package.json": described, **files}.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def integrity(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A small archive that takes the place of the pinned one."""
    members = {name: (MEMBERS[name][0], hashlib.sha256(content).hexdigest()) for name, content in CONTENT.items()}
    content = archive_of({MEMBERS[name][0]: one for name, one in CONTENT.items()})
    monkeypatch.setattr(runtime, "MEMBERS", members)
    monkeypatch.setattr(runtime, "INTEGRITY", integrity(content))
    return content


@pytest.fixture
def registry(packed: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    """A registry on loopback, the only one that npm asks."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm")
    with serving(Site()) as site:
        monkeypatch.setenv("npm_config_registry", site.address)
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        monkeypatch.setenv("npm_config_update_notifier", "false")
        yield site


def publish(site: Site, content: bytes) -> None:
    """Put an archive into the registry, with the hash that belongs to it."""
    dist = {"tarball": f"{site.address}/archive.tgz", "integrity": integrity(content)}
    version = {"name": PACKAGE, "version": VERSION, "dist": dist}
    described = {"name": PACKAGE, "dist-tags": {"latest": VERSION}, "versions": {VERSION: version}}
    site.files = {PACKAGE: json.dumps(described).encode(), "archive.tgz": content}


def refusal(given: Path | None) -> str:
    with pytest.raises(UserError) as caught:
        runtime_files(given)
    return str(caught.value)


def test_an_archive_and_a_folder_give_the_same_files(packed: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(packed)
    assert runtime_files(tmp_path / "a.tgz") == CONTENT
    with tarfile.open(tmp_path / "a.tgz") as archive:
        archive.extractall(tmp_path, filter="data")
    assert runtime_files(tmp_path / "package") == CONTENT


def test_another_version_is_refused(packed: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(archive_of({MEMBERS["ort.js"][0]: b"other"}))
    assert f"npm pack {PACKAGE}@{VERSION}" in refusal(tmp_path / "a.tgz")
    (tmp_path / "dist").mkdir()
    for member, _ in MEMBERS.values():
        (tmp_path / member).write_bytes(b"other")
    assert f"is not that of {PACKAGE} {VERSION}" in refusal(tmp_path)


def test_a_file_that_is_missing(packed: bytes, tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "none.tgz")
    assert f"give the folder of the npm package {PACKAGE}" in refusal(tmp_path)


def test_a_download_from_the_registry(registry: Site, packed: bytes) -> None:
    publish(registry, packed)
    assert runtime_files(None) == CONTENT
    assert registry.asked[-1] == "archive.tgz"


def test_a_registry_with_other_bytes_is_not_trusted(registry: Site) -> None:
    publish(registry, archive_of({member: b"other" for member, _ in MEMBERS.values()}))
    assert "its SHA-512 is not that of" in refusal(None)


def test_a_registry_without_the_package(registry: Site) -> None:
    message = refusal(None)
    assert message.startswith(f"could not download {PACKAGE}@{VERSION}")
    assert "\n" not in message
    assert "--onnxruntime-web" in message


def test_without_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "npm is not installed" in refusal(None)
