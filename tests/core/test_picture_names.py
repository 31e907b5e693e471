import unicodedata

import pytest

from unseen.core.errors import UserError
from unseen.core.picture_names import end_of, is_picture, is_rooted, is_system_file, matches, normal, printable

DECOMPOSED = unicodedata.normalize("NFD", "Zoë Łódź/é.jpg")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("./a/./b.jpg", "a/b.jpg"),
        ("a\\b.jpg", "a/b.jpg"),
        (".\\a\\b.jpg", "a/b.jpg"),
        ("/a//b.jpg", "a/b.jpg"),
        ("C:\\a\\b.jpg", "C:/a/b.jpg"),
        ("../b.jpg", "../b.jpg"),
        (DECOMPOSED, "Zoë Łódź/é.jpg"),
        ("12:30.jpg", "12:30.jpg"),
        ("a .jpg ", "a .jpg "),
        ("./", ""),
        ("", ""),
    ],
)
def test_normal(name: str, expected: str) -> None:
    assert normal(name) == expected
    assert normal(expected) == expected


@pytest.mark.parametrize(
    "name",
    [
        "__MACOSX/a/._b.jpg",
        "__MACOSX/b.jpg",
        "._a.jpg",
        "a/._b.jpg",
        "a\\._b.jpg",
        ".DS_Store",
        "a/.DS_Store",
        "Thumbs.db",
        "a/THUMBS.DB",
        "desktop.ini",
        "Icon\r",
        ".thumbnails/normal/a.jpg",
        "a/@eaDir/b.jpg/SYNOPHOTO_THUMB_M.jpg",
        "./.hidden.jpg",
        ".git/a.jpg",
        "$RECYCLE.BIN/a.jpg",
    ],
)
def test_system_files(name: str) -> None:
    assert is_system_file(name)
    assert not is_picture(name)


@pytest.mark.parametrize(
    "name", ["a.jpg", "./a.JPG", "../a.jpeg", "a/b c.PNG", "thumbnails128x128/00001.png", "12:30.jpg", "a.b.Tiff"]
)
def test_pictures(name: str) -> None:
    assert is_picture(name)
    assert not is_system_file(name)


@pytest.mark.parametrize("name", ["list.csv", "README", "jpg", "a.jpg.txt", "", "."])
def test_other_files_are_neither_pictures_nor_system_files(name: str) -> None:
    assert not is_picture(name)
    assert not is_system_file(name)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("a/b.JPG", "*.jpg"),
        ("a/b.jpg", "*/*.JPG"),
        ("a/b.JPG", "*.[jJ][pP][gG]"),
        ("a/b.JPG", "*.[J][P][G]"),
        ("real\\b.jpg", "real/*"),
        ("real/b.jpg", "real\\*.jpg"),
        ("./real/b.jpg", "real/*"),
        ("real/b.jpg", "./real/*"),
        (DECOMPOSED, "Zoë*/*"),
        ("Zoë/a.jpg", unicodedata.normalize("NFD", "Zoë/*")),
        ("a[1].jpg", "a[[]1].jpg"),
        ("a/b/c", "*"),
    ],
)
def test_matches(name: str, pattern: str) -> None:
    assert matches(name, pattern)


@pytest.mark.parametrize(
    ("name", "pattern"), [("Real/a.jpg", "real/*"), ("a.jpeg", "*.jpg"), ("a.jpgx", "*.jpg"), ("", "?*")]
)
def test_matches_not(name: str, pattern: str) -> None:
    assert not matches(name, pattern)


@pytest.mark.parametrize(
    "name", ["/a/b.jpg", "C:\\a\\b.jpg", "d:/b.jpg", "\\\\host\\b.jpg", "../b.jpg", "./../b.jpg"]
)
def test_rooted(name: str) -> None:
    assert is_rooted(name)


@pytest.mark.parametrize("name", ["a/b.jpg", "./b.jpg", "..b.jpg", "12:30.jpg", "a/../b.jpg"])
def test_not_rooted(name: str) -> None:
    assert not is_rooted(name)


def test_the_end_of_a_name() -> None:
    assert [end_of("a/b/c.jpg", depth) for depth in (1, 2, 3, 4)] == ["c.jpg", "b/c.jpg", "a/b/c.jpg", "a/b/c.jpg"]


def test_what_a_terminal_would_act_on_is_escaped() -> None:
    assert printable("a\x1b[2J\r\nb\u202ec\udcff.jpg") == "a\\x1b[2J\\r\\nb\\u202ec\\udcff.jpg"
    assert printable("Zoë 顔.jpg") == "Zoë 顔.jpg"
    assert str(UserError("a\x1b[31m.jpg: not a picture\nat all")) == "a\\x1b[31m.jpg: not a picture at all"
