import fnmatch
import itertools
from typing import Any

import pytest

from unseen.sources.overlap import globs_meet, may_overlap
from unseen.sources.shared.settings import SourceSettings

NAMES = ["".join(letters) for n in range(5) for letters in itertools.product("ab/", repeat=n)]
GLOBS = [
    "*",
    "a",
    "a*",
    "*a",
    "b*",
    "a/*",
    "*/a",
    "?",
    "??",
    "a?b",
    "*a*b*",
    "[ab]",
    "[!a]*",
    "*/[b]*",
    "",
    "**",
    "a*a",
]


@pytest.mark.parametrize("first", GLOBS)
def test_globs_meet_where_a_name_matches_both(first: str) -> None:
    """Against every name of up to four characters; these globs need no longer ones to meet."""
    for second in GLOBS:
        shared = [n for n in NAMES if fnmatch.fnmatchcase(n, first) and fnmatch.fnmatchcase(n, second)]
        assert globs_meet(first, second) == bool(shared), (first, second)


def test_long_globs_take_no_time() -> None:
    assert not globs_meet("*a" * 200 + "b", "*a" * 200 + "c")
    assert globs_meet("*a" * 200 + "*", "*b" * 200 + "*")


def source(members: str = "*", table: dict[str, Any] | None = None, inside: str = "") -> SourceSettings:
    return SourceSettings.model_validate(
        {
            **{"archive": "one", "group": "people", "use": "train", "label": "real"},
            **{"members": members, "table": table, "inside": inside},
        }
    )


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("*/real/*.jpg", "*/fake/*.jpg", False),
        ("*/512/*man/*", "*/768/*man/*", False),
        ("*real/*.*g", "*fake/*.*g", False),
        ("*.jpg", "*.png", False),
        ("part1/*", "part2/*.jpg", False),
        ("faces/a*", "faces/b*", False),
        ("*", "*", True),
        ("*.jpg", "*/real/*.jpg", True),
        ("*/real/*", "*/real/a*", True),
        ("*/a*", "*/*b", True),
        ("*/s1/*", "faces/s*/*", True),
        ("*/real/*", "*/set/fake/*", True),  # of different depth: `a/real/set/fake/b` is in both
    ],
)
def test_members_of_both(first: str, second: str, shared: bool) -> None:
    assert may_overlap(source(first), source(second)) is shared
    assert may_overlap(source(second), source(first)) is shared


def table(file: str = "*.csv", name: str = "path", **where: str) -> dict[str, Any]:
    return {"file": file, "name": name, "where": where}


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        (table(label="1"), table(label="0"), False),
        (table(label="1", part="a"), table(label="0", part="a"), False),
        (table(label="1"), table(label="1"), True),
        (table(label="1"), table(part="a"), True),
        (table(label="1"), table(), True),
        (table(label="1"), None, True),
        (table(label="1"), table(file="b.csv", label="0"), True),
        (table(label="1"), table(name="id", label="0"), True),
    ],
)
def test_a_table_says_whose_a_picture_is(first: dict[str, Any], second: dict[str, Any] | None, shared: bool) -> None:
    assert may_overlap(source(table=first), source(table=second)) is shared
    assert may_overlap(source(table=second), source(table=first)) is shared


def test_archives_within_an_archive_are_apart() -> None:
    assert not may_overlap(source(inside="a.zip"), source(inside="b.zip"))
    assert not may_overlap(source(inside="a.zip"), source())
    assert may_overlap(source(inside="a.zip"), source(inside="a.zip"))


@pytest.mark.parametrize("other", ["*.JPG", "*.[jJ][pP][gG]", ".\\\\*.jpg", "a/*.Jpg"])
def test_suffixes_meet_whatever_their_case(other: str) -> None:
    block = {"archive": "a", "group": "people", "use": "train", "label": "real"}
    first, second = (SourceSettings(members=glob, **block) for glob in ("*.jpg", other))  # type: ignore[arg-type]
    assert may_overlap(first, second)
