import contextlib
import io
import random
import stat
import zipfile
from pathlib import Path

import pytest

from unseen.errors import UserError
from unseen.sources import archive
from unseen.sources.archive import Member, members

CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def zipped(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as target:
        for name, data in files.items():
            target.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return path


def patch(path: Path, header: bytes, offset: int, value: bytes) -> None:
    """Overwrite bytes of the first header of a kind."""
    data = bytearray(path.read_bytes())
    start = data.index(header) + offset
    data[start : start + len(value)] = value
    path.write_bytes(data)


def read(path: Path, pattern: str = "*") -> list[Member]:
    return list(members(path, pattern))


def test_names_of_all_kinds_are_kept_and_sorted(tmp_path: Path) -> None:
    names = ["z.jpg", "a, b.jpg", "a..b.jpg", "..c.jpg", "d/e f.jpg", "Ärger/Łódź.jpg", "顔/1.jpg", "it's [1].jpg"]
    path = zipped(tmp_path / "a.zip", {name: name.encode() for name in names})
    found = read(path)
    assert [member.name for member in found] == sorted(names)
    assert all(member.data == member.name.encode() and not member.refused for member in found)


@pytest.mark.parametrize(
    "name",
    ["../x.jpg", "a/../../x.jpg", "a/..", "/etc/x.jpg", "C:\\x.jpg", "C:/x.jpg", "..\\x.jpg", "\\\\host\\x.jpg"],
)
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "a.zip", {name: b"evil", "ok.jpg": b"fine"})
    refused = {member.name: (member.refused, member.data) for member in read(path)}
    assert refused == {name: ("unsafe_path", b""), "ok.jpg": ("", b"fine")}


@pytest.mark.parametrize("name", ["", "."])
def test_a_name_that_names_nothing_does_not_stop_the_others(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "a.zip", {"ok.jpg": b"fine"})
    with zipfile.ZipFile(path, "a") as target:
        info = zipfile.ZipInfo("x")
        info.filename = name
        target.writestr(info, b"evil")
    assert [member.name for member in read(path) if not member.refused] == ["ok.jpg"]


def test_folders_are_no_members(tmp_path: Path) -> None:
    assert [member.name for member in read(zipped(tmp_path / "a.zip", {"d/": b"", "d/x.jpg": b"1"}))] == ["d/x.jpg"]


def test_a_link_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link.jpg")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        target.writestr(info, "/etc/hostname")
    assert read(tmp_path / "a.zip") == [Member("link.jpg", refused="link")]


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"x.jpg": b"secret"})
    patch(path, CENTRAL, 8, b"\x01")
    assert read(path) == [Member("x.jpg", refused="encrypted")]


def test_a_bad_checksum_is_damage(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.jpg": b"some bytes", "b.jpg": b"fine"}, zipfile.ZIP_STORED)
    patch(path, b"some bytes", 0, b"S")
    assert read(path) == [Member("a.jpg", refused="damaged_member"), Member("b.jpg", data=b"fine")]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_broken_stream_is_damage(tmp_path: Path, method: int) -> None:
    noise = random.Random(1).randbytes(2000)
    path = zipped(tmp_path / "a.zip", {"a.jpg": noise, "b.jpg": b"fine"}, method)
    patch(path, LOCAL, 30 + len("a.jpg"), b"\xff" * 300)
    assert read(path) == [Member("a.jpg", refused="damaged_member"), Member("b.jpg", data=b"fine")]


def test_a_truncated_stream_is_damage(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.jpg": random.Random(1).randbytes(2000)})
    patch(path, CENTRAL, 20, (100).to_bytes(4, "little"))  # the compressed size
    assert read(path) == [Member("a.jpg", refused="damaged_member")]


def test_a_large_member_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 1000)
    path = zipped(tmp_path / "a.zip", {"big.jpg": bytes(1001), "fits.jpg": bytes(1000)})
    assert read(path) == [Member("big.jpg", refused="too_large"), Member("fits.jpg", data=bytes(1000))]


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 1000)
    path = zipped(tmp_path / "a.zip", {"bomb.jpg": bytes(10**7)})
    patch(path, CENTRAL, 24, (10).to_bytes(4, "little"))  # the size it says it has
    (member,) = read(path)
    assert (member.data, member.refused) == (b"", "damaged_member")


def test_only_what_matches_is_yielded(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"s1/1.pgm": b"1", "s1/deep/2.pgm": b"2", "s1/3.PGM": b"3", "README": b"4"})
    assert [member.name for member in read(path, "s*/*.pgm")] == ["s1/1.pgm", "s1/deep/2.pgm"]


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.zip", {"x.jpg": b"1", "../y.jpg": b"2"})
    monkeypatch.chdir(tmp_path)
    before = path.read_bytes()
    read(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x05\x06"])
def test_what_is_no_zip_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photos.zip"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_zip_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"photos\.zip"):
        read(tmp_path / "photos.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_any_damage_is_counted_or_told(tmp_path: Path, method: int) -> None:
    """Whatever a few changed bytes do to an archive, only members and UserErrors come out."""
    buffer, draw = io.BytesIO(), random.Random(4)
    with zipfile.ZipFile(buffer, "w", method) as target:
        for name in ("a.jpg", "ä/b.jpg", "c.jpg"):
            target.writestr(name, draw.randbytes(40) * 3)
    path = tmp_path / "a.zip"
    for _ in range(250):
        data = bytearray(buffer.getvalue())
        for _ in range(draw.randint(1, 3)):
            data[draw.randrange(len(data))] = draw.choice([0, 255, draw.randrange(256)])
        path.write_bytes(data)
        with contextlib.suppress(UserError):
            assert not any(member.refused and member.data for member in read(path))
