"""Tar archives, and archives within archives; `test_archive` has the zip files."""

import contextlib
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from unseen.core.errors import UserError
from unseen.sources.shared import archive, entry
from unseen.sources.shared.archive import Member, entries, members

MODES = ["w", "w:gz", "w:bz2", "w:xz"]
NOISE = random.Random(1).randbytes(300_000)
TWO = [("b", NOISE), ("a", b"1")]


def tar_bytes(files: list[tuple[str | tarfile.TarInfo, bytes]], mode: str = "w") -> bytes:
    """A tar archive of files in this order; a header may stand for a name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as target:  # type: ignore[call-overload]
        for name, data in files:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            target.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_bytes(files: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as target:
        for name, data in files:
            target.writestr(name, data)
    return buffer.getvalue()


def special(name: str, kind: bytes, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def stored(tmp_path: Path, data: bytes, name: str = "faces.bin") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def read(path: Path, pattern: str = "*", inside: str = "") -> list[tuple[str, bytes, str]]:
    return [(member.name, member.data, member.refused) for member in members(path, pattern, inside)]


@pytest.mark.parametrize("mode", MODES)
def test_a_tar_archive_is_read_as_it_lies(tmp_path: Path, mode: str) -> None:
    files = [("faces/z.jpg", b"1"), ("faces/a.jpg", b""), ("list.csv", b"3"), ("./b/ä.jpg", b"4" * 3000)]
    path = stored(tmp_path, tar_bytes([(special("faces", tarfile.DIRTYPE), b""), *files], mode))
    assert read(path) == [(name.removeprefix("./"), data, "") for name, data in files]
    assert [name for name, _, _ in read(path, "*.jpg")] == ["faces/z.jpg", "faces/a.jpg", "b/ä.jpg"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("to", ["ok.jpg", "/etc/hostname", "../../x"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: bytes, to: str) -> None:
    path = stored(tmp_path, tar_bytes([("ok.jpg", b"fine"), (special("x.jpg", kind, to), b""), ("z.jpg", b"too")]))
    reason = "link" if kind == tarfile.SYMTYPE else "special_file"
    assert read(path) == [("ok.jpg", b"fine", ""), ("x.jpg", b"", reason), ("z.jpg", b"too", "")]


def linked(name: str, to: str) -> tuple[tarfile.TarInfo, bytes]:
    return special(name, tarfile.LNKTYPE, to), b""


@pytest.mark.parametrize("mode", MODES)
def test_a_hard_link_is_read_as_the_file_that_it_is(tmp_path: Path, mode: str) -> None:
    files = [("all/1.dat", b"1"), ("all/2.dat", NOISE), linked("b.jpg", "./all/2.dat"), linked("a.jpg", "all/1.dat")]
    path = stored(tmp_path, tar_bytes([*files, linked("c.jpg", "b.jpg"), ("d.jpg", b"4")], mode))
    found = [("d.jpg", b"4", ""), ("a.jpg", b"1", ""), ("b.jpg", NOISE, ""), ("c.jpg", NOISE, "")]
    assert read(path, "*.jpg") == found
    inner = stored(tmp_path, zip_bytes([("in.tar", path.read_bytes())]), "outer.zip")
    assert read(inner, "*.jpg", "in.tar") == found


@pytest.mark.parametrize("to", ["/etc/hostname", "../../x", "x.jpg", "symbolic"])
def test_a_hard_link_to_no_file_is_refused(tmp_path: Path, to: str) -> None:
    files = [("ok.jpg", b"fine"), (special("symbolic", tarfile.SYMTYPE, "/etc/hostname"), b""), linked("x.jpg", to)]
    path = stored(tmp_path, tar_bytes(files))
    assert read(path, "*.jpg") == [("ok.jpg", b"fine", ""), ("x.jpg", b"", "link")]


def test_a_large_file_behind_a_hard_link_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "MAX_MEMBER_BYTES", 1000)
    path = stored(tmp_path, tar_bytes([("big", NOISE), linked("x.jpg", "big")]))
    assert read(path, "*.jpg") == [("x.jpg", b"", "too_large")]


@pytest.mark.parametrize("mode", MODES)
def test_concatenated_archives_are_read_as_one(tmp_path: Path, mode: str) -> None:
    parts = [tar_bytes([(name, name.encode() * 700)], mode) for name in ("a.jpg", "b.jpg", "c.jpg")]
    path = stored(tmp_path, b"".join(parts))
    assert read(path) == [(name, name.encode() * 700, "") for name in ("a.jpg", "b.jpg", "c.jpg")]
    archive.check_archive(path)


def test_a_compressed_archive_in_many_parts_is_read(tmp_path: Path) -> None:
    """As bgzip and `pigz -i` write."""
    whole = tar_bytes([("a.jpg", NOISE), ("b.jpg", b"2")])
    path = stored(tmp_path, b"".join(gzip.compress(whole[at : at + 60_000]) for at in range(0, len(whole), 60_000)))
    assert read(path) == [("a.jpg", NOISE, ""), ("b.jpg", b"2", "")]


def test_what_follows_the_end_is_counted(tmp_path: Path) -> None:
    path = stored(tmp_path, tar_bytes([("a.jpg", b"1")]) + b"x" * 2000)
    assert read(path) == [("a.jpg", b"1", ""), ("bytes after the end of the archive", b"", "trailing_data")]
    archive.check_archive(path)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_truncated_archive_is_refused_before_its_hash_is_recorded(tmp_path: Path, mode: str) -> None:
    whole = tar_bytes([("a.jpg", NOISE[:100_000]), ("b.jpg", NOISE[100_000:])], mode)
    with pytest.raises(UserError, match="truncated"):
        archive.check_archive(stored(tmp_path, whole[: len(whole) // 2]))


def test_the_first_of_two_with_one_name_is_read(tmp_path: Path) -> None:
    path = stored(tmp_path, tar_bytes([("a.jpg", b"1"), ("b.jpg", b"2"), ("a.jpg", b"3")]))
    assert read(path) == [("a.jpg", b"1", ""), ("b.jpg", b"2", ""), ("a.jpg", b"", "same_name_twice")]


@pytest.mark.parametrize("mode", MODES)
def test_a_bomb_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setattr(entry, "MAX_MEMBER_BYTES", 1000)
    path = stored(tmp_path, tar_bytes([("bomb.jpg", bytes(2_000_000)), ("fits.jpg", bytes(1000))], mode))
    assert read(path) == [("bomb.jpg", b"", "too_large"), ("fits.jpg", bytes(1000), "")]


@pytest.mark.parametrize("name", [b"bad-\xff.jpg", b"bad-\xfe.jpg", b"\xc4rger.jpg"])
def test_a_name_of_any_bytes_becomes_text(tmp_path: Path, name: bytes) -> None:
    data = tar_bytes([("x" * len(name), b"1")])
    header = bytearray(data[:512].replace(b"x" * len(name), name))
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    ((found, content, refused),) = read(stored(tmp_path, bytes(header) + data[512:]))
    assert (found, content, refused) == (name.decode("latin-1"), b"1", "")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])  # bzip2 unpacks blocks that are larger than all of this
def test_a_cut_archive_is_counted_as_damaged(tmp_path: Path, mode: str) -> None:
    """Wherever it is cut: in a picture, in a header, between two of them, or in front of the end mark."""
    files: list[tuple[str | tarfile.TarInfo, bytes]] = [
        (f"{number}.jpg", NOISE[20_000 * number :][:20_000]) for number in range(10)
    ]
    whole = tar_bytes(files, mode)
    draw = random.Random(2)
    borders = [512 + 20_480, 512 + 20_480 + 100, 10 * (512 + 20_480)] if mode == "w" else []
    for cut in [*borders, *(draw.randrange(len(whole) // 9, len(whole) * 9 // 10) for _ in range(10))]:
        found = read(stored(tmp_path, whole[:cut]))
        assert found[-1] == ("the rest of the archive", b"", "damaged_archive"), cut
        good = [(name, data) for name, data, refused in found if not refused]
        assert good == files[: len(good)]


def test_an_overwritten_header_is_no_end(tmp_path: Path) -> None:
    data = bytearray(tar_bytes([("a.jpg", b"1"), ("b.jpg", b"2"), ("c.jpg", b"3")]))
    data[1024:1124] = b"\xee" * 100
    assert read(stored(tmp_path, bytes(data))) == [
        ("a.jpg", b"1", ""),
        ("the rest of the archive", b"", "damaged_archive"),
    ]


def test_damage_is_told_whatever_the_pattern_is(tmp_path: Path) -> None:
    whole = tar_bytes([("a.jpg", b"1"), ("b.csv", NOISE)])
    assert read(stored(tmp_path, whole[:9000]), "*.jpg")[-1][2] == "damaged_archive"


@pytest.mark.parametrize("mode", MODES)
def test_any_damage_is_counted_or_told(tmp_path: Path, mode: str) -> None:
    """Whatever a few changed bytes do to an archive, only members and UserErrors come out."""
    whole, draw = tar_bytes([(name, NOISE[:700]) for name in ("a.jpg", "ä" * 120, "c.jpg")], mode), random.Random(4)
    for _ in range(100):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            data[draw.randrange(len(data))] = draw.choice([0, 255, draw.randrange(256)])
        path = stored(tmp_path, bytes(data[: draw.randint(1, len(data))]))
        with contextlib.suppress(UserError):
            assert not any(refused and content for _, content, refused in read(path))


@pytest.mark.parametrize(
    "data", [b"", b"no archive", b"\x1f\x8b\x08", lzma.compress(b"no tar"), b"PK", b"<html>busy</html>" * 100]
)
def test_what_is_no_archive_is_named(tmp_path: Path, data: bytes) -> None:
    path = stored(tmp_path, data)
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("packed", [tar_bytes([*TWO], "w:gz"), zip_bytes(TWO)])
def test_skipped_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bytes) -> None:
    opened = []
    monkeypatch.setattr(tarfile.TarFile, "extractfile", lambda self, info: opened.append(info.name))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda self, info: opened.append(info.filename))
    assert sorted(found.name for found in entries(stored(tmp_path, packed), "*")) == ["a", "b"]
    assert opened == []


@pytest.mark.parametrize("packed", [tar_bytes([*TWO], "w:gz"), zip_bytes(TWO)])
def test_a_file_is_read_after_others_were_skipped(tmp_path: Path, packed: bytes) -> None:
    found = [each.read() for each in entries(stored(tmp_path, packed), "*") if each.name == "a"]
    assert found == [Member("a", b"1")]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("inner", [zip_bytes, tar_bytes, lambda files: tar_bytes(files, "w:gz")])
def test_an_archive_in_an_archive(tmp_path: Path, method: int, inner: object) -> None:
    assert callable(inner)
    files = [("z.jpg", NOISE), ("a.jpg", b"1"), ("../m.jpg", b"2"), ("a.jpg", b"3")]
    outer = zip_bytes([("other.jpg", b"0"), ("deep/faces.bin", inner(files))], method)
    assert read(stored(tmp_path, outer), "*.jpg", "deep/faces.bin") == [
        ("z.jpg", NOISE, ""),
        ("a.jpg", b"1", ""),
        ("../m.jpg", b"2", ""),
        ("a.jpg", b"", "same_name_twice"),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["faces.bin"]


def test_an_inner_archive_is_read_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a compressed file one can only go on: in the order of names each of them would start at the first byte."""
    names = [f"{number:03}.jpg" for number in range(60)]
    random.Random(3).shuffle(names)
    inner = zip_bytes([(name, NOISE[:5000]) for name in names])
    path = stored(tmp_path, zip_bytes([("in.zip", inner)], zipfile.ZIP_DEFLATED))
    unpacked = 0
    original = zipfile.ZipExtFile._read1  # type: ignore[attr-defined]

    def counted(self: zipfile.ZipExtFile, count: int) -> bytes:
        nonlocal unpacked
        data: bytes = original(self, count)
        unpacked += len(data) if self.name == "in.zip" else 0
        return data

    monkeypatch.setattr(zipfile.ZipExtFile, "_read1", counted)
    assert [name for name, _, refused in read(path, "*", "in.zip") if not refused] == names
    assert unpacked < 8 * len(inner)


def test_an_inner_archive_that_is_not_there(tmp_path: Path) -> None:
    path = stored(tmp_path, zip_bytes([("a.zip", zip_bytes([]))]))
    with pytest.raises(UserError, match=r"faces\.bin: has no member 'b\.zip'; correct `inside`"):
        read(path, "*", "b.zip")


@pytest.mark.parametrize("outer", [b"", b"no archive", tar_bytes([("a.zip", NOISE)])])
def test_only_a_zip_file_can_be_looked_into(tmp_path: Path, outer: bytes) -> None:
    with pytest.raises(UserError, match="`inside` needs a readable zip archive"):
        read(stored(tmp_path, outer), "*", "a.zip")


@pytest.mark.parametrize("inner", [b"", b"no archive"])
def test_an_inner_file_that_is_no_archive(tmp_path: Path, inner: bytes) -> None:
    with pytest.raises(UserError, match=r"faces\.bin: a\.zip: not a readable zip or tar archive"):
        read(stored(tmp_path, zip_bytes([("a.zip", inner)])), "*", "a.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_any_damage_to_an_outer_archive_is_counted_or_told(tmp_path: Path, method: int) -> None:
    whole = zip_bytes([("a.zip", zip_bytes([("a.jpg", NOISE[:300]), ("b.jpg", b"2")]))], method)
    draw = random.Random(5)
    for _ in range(150):
        data = bytearray(whole)
        data[draw.randrange(len(data))] = draw.choice([0, 1, 255, draw.randrange(256)])
        with contextlib.suppress(UserError):
            assert not any(refused and content for _, content, refused in read(stored(tmp_path, data), "*", "a.zip"))
