import contextlib
import io
import random
import stat
import zipfile
from pathlib import Path

import pytest

from unseen.core.errors import UserError
from unseen.sources.shared import archive, entry
from unseen.sources.shared.archive import Member, members

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
    names = ["z.jpg", "a, b.jpg", "a..b.jpg", "12:30.jpg", "d/e f.jpg", "Ärger/Łódź.jpg", "顔/1.jpg", "it's [1].jpg"]
    path = zipped(tmp_path / "a.zip", {name: name.encode() for name in names})
    found = read(path)
    assert [member.name for member in found] == sorted(names)
    assert all(member.data == member.name.encode() and not member.refused for member in found)


NAMES = {"../x.jpg": "../x.jpg", "/etc/x.jpg": "etc/x.jpg", "C:\\x.jpg": "C:/x.jpg", "..\\x.jpg": "../x.jpg"}
"""Names that would lead out of a folder, in the normal form: nothing is ever written under them."""


@pytest.mark.parametrize("name", NAMES)
def test_a_path_in_the_address_is_only_a_file_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = zipped(tmp_path / "a.zip", {name: b"evil", "ok.jpg": b"fine"})
    monkeypatch.chdir(tmp_path)
    assert {member.name: member.data for member in read(path)} == {NAMES[name]: b"evil", "ok.jpg": b"fine"}
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]


def test_decomposed_accents_and_backslashes_have_one_form(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"Zoe\u0308\\1.JPG": b"1", "./Zoë/2.jpg": b"2"})
    assert [member.name for member in read(path, "Zoë/*.jpg")] == ["Zoë/2.jpg", "Zoë/1.JPG"]


def test_a_name_in_utf8_that_does_not_say_so(tmp_path: Path) -> None:
    """As macOS packs: `zipfile` takes such a name for the code page of DOS."""
    path = zipped(tmp_path / "a.zip", {"Zoë.jpg": b"1"})
    for header, offset in ((LOCAL, 6), (CENTRAL, 8)):
        patch(path, header, offset, b"\0\0")
    assert [member.name for member in read(path)] == ["Zoë.jpg"]


def test_what_operating_systems_leave_has_a_reason_of_its_own(tmp_path: Path) -> None:
    names = ["a/1.jpg", "__MACOSX/a/._1.jpg", "a/.DS_Store", "a/Thumbs.db", ".thumbnails/1.jpg"]
    path = zipped(tmp_path / "a.zip", dict.fromkeys(names, b"x"))
    assert {found.name for found in archive.entries(path, "*") if found.refused == "system_file"} == set(names[1:])
    assert [member.name for member in read(path)] == ["a/1.jpg"]
    assert [member.name for member in read(path, ".thumbnails/*")] == [".thumbnails/1.jpg"]


@pytest.mark.parametrize(
    ("method", "word"), [(9, "Deflate64"), (93, "zstd"), (95, "xz"), (98, "PPMd"), (77, "method 77")]
)
def test_a_method_that_is_not_read_is_named(tmp_path: Path, method: int, word: str) -> None:
    path = zipped(tmp_path / "a.zip", {"a.jpg": b"1", "b.jpg": b"2"})
    patch(path, CENTRAL, 10, method.to_bytes(2, "little"))
    first, second = read(path)
    assert (first.refused, second) == ("unsupported_compression", Member("b.jpg", b"2"))
    assert first.detail == f"compressed with {word}, which is not supported; pack it with Deflate"
    archive.check_archive(path)
    data = path.read_bytes().replace(CENTRAL + b"\x14\x03\x14\0\0\0\x08\0", CENTRAL + b"\x14\x03\x14\0\0\0\x09\0")
    path.write_bytes(data)
    with pytest.raises(UserError, match=rf"none of its 2 files is readable, such as a\.jpg: .*{word}.*pack it again"):
        archive.check_archive(path)


def test_winzip_encryption_is_no_method(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.jpg": b"1"})
    patch(path, CENTRAL, 10, (99).to_bytes(2, "little"))
    assert read(path) == [Member("a.jpg", refused="encrypted")]


def test_two_zip_files_in_one_are_noticed(tmp_path: Path) -> None:
    first, second = zipped(tmp_path / "1.zip", {"a.jpg": b"1"}), zipped(tmp_path / "2.zip", {"b.jpg": b"2"})
    path = tmp_path / "both.zip"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    found = read(path)
    assert [(member.name, member.refused) for member in found] == [
        ("the beginning of the archive", "unlisted_part"),
        ("b.jpg", ""),
    ]
    assert "pack it again" in found[0].detail
    with pytest.raises(UserError, match="two archives in one file"):
        archive.check_archive(path)


WRONG = {
    b"": "an empty file",
    b"<!DOCTYPE html><html><head><title>Sign in &amp; go</title>": "a web page, 'Sign in & go', and not the file",
    b"\n<html>busy</html>": "a web page and not the file",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "a pointer of Git LFS",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x28\xb5\x2f\xfdxx": "compressed with zstd",
    b'{"error": "busy"}': "a JSON text",
    b"PK\x03\x04 and no end": "a zip archive that is truncated or damaged",
    b"\xff\xd8\xff\xe0": "one JPEG picture",
    b"some text": "not a zip or tar archive",
}


@pytest.mark.parametrize("data", WRONG)
def test_what_a_file_is_that_is_no_archive(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "faces.zip"
    path.write_bytes(data)
    with pytest.raises(archive.NotAnArchiveError) as caught:
        archive.check_archive(path)
    assert WRONG[data] in caught.value.why
    assert str(path) in str(caught.value)


def test_an_archive_without_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="an archive without files"):
        archive.check_archive(zipped(tmp_path / "a.zip", {"__MACOSX/._a.jpg": b"x"}))


@pytest.mark.parametrize("at", [0.3, 0.9])
def test_a_cut_zip_is_named(tmp_path: Path, at: float) -> None:
    path = zipped(tmp_path / "a.zip", {"a.jpg": random.Random(1).randbytes(5000)})
    path.write_bytes(path.read_bytes()[: int(5000 * at)])
    with pytest.raises(UserError, match="a zip archive that is truncated or damaged"):
        archive.check_archive(path)


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
    monkeypatch.setattr(entry, "MAX_MEMBER_BYTES", 1000)
    path = zipped(tmp_path / "a.zip", {"big.jpg": bytes(1001), "fits.jpg": bytes(1000)})
    assert read(path) == [Member("big.jpg", refused="too_large"), Member("fits.jpg", data=bytes(1000))]


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "MAX_MEMBER_BYTES", 1000)
    path = zipped(tmp_path / "a.zip", {"bomb.jpg": bytes(10**7)})
    patch(path, CENTRAL, 24, (10).to_bytes(4, "little"))  # the size it says it has
    (member,) = read(path)
    assert (member.data, member.refused) == (b"", "damaged_member")


def test_only_what_matches_is_yielded(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"s1/1.pgm": b"1", "s1/deep/2.pgm": b"2", "s1/3.PGM": b"3", "README": b"4"})
    assert [member.name for member in read(path, "s*/*.pgm")] == ["s1/1.pgm", "s1/3.PGM", "s1/deep/2.pgm"]


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
