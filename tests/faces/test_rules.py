"""What names and tables say of a picture."""

import re
from itertools import repeat
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from archived import SPLITS, files_of_140k, files_of_720k, source, zipped

from unseen.core.errors import UserError
from unseen.data.face_rows import Dropped
from unseen.data.splits import split_of
from unseen.faces.rules import Facts, Rules, identity_of
from unseen.sources import catalogue
from unseen.sources.shared.archive import entries
from unseen.sources.shared.settings import SourceSettings

PICTURES = repeat(b"a picture")
LABELS = "path,label,age\nreal/1.jpg,1,30\nfake/1.jpg,0,40\n"


def rules(folder: Path, settings: SourceSettings, files: dict[str, str] | None = None) -> Rules:
    """The rules of a source, `orl`, whose archive holds these texts."""
    data = {name: text.encode() for name, text in (files or {}).items()}
    return Rules("orl", settings, zipped(folder / "faces.zip", data), SPLITS)


def table(text: str | bytes, folder: Path, *paths: str, **changed: Any) -> list[Any]:
    """What a table says of pictures: the age of each, or why it has none, or None where it is of another source."""
    age = {"age": {"column": "age", "match": "([0-9]+)"}}
    block = {"file": "*.csv", "name": "path", **changed}
    archive = zipped(folder / "faces.zip", {"all.csv": text if isinstance(text, bytes) else text.encode()})
    made = Rules("orl", source(identity="", table=block, attributes=age), archive, SPLITS)
    return [said(made.facts(path)) for path in paths]


def said(facts: Facts | Dropped | None) -> str | None:
    if isinstance(facts, Dropped):
        return facts.reason
    return facts.attributes.get("age", "not stated") if facts else None


def refusal(text: str | bytes, folder: Path, **changed: Any) -> str:
    """The one line that a table is refused with."""
    with pytest.raises(UserError) as caught:
        table(text, folder, **changed)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_identities() -> None:
    assert identity_of("orl", "faces/s12/3.pgm", "/(s[0-9]+)/") == "orl/s12"
    assert identity_of("orl", "faces/other/3.pgm", "/(s[0-9]+)/") is None
    assert identity_of("photos", "a/b.jpg", "") == "photos/a/b.jpg"


def test_fakes_made_of_people_have_their_identities_and_splits(tmp_path: Path) -> None:
    reals = rules(tmp_path, source())
    swapped = source(label="fake", generator="swap", people_of="orl", identity="of_(s[0-9]+)_")
    fakes = Rules("swapped", swapped, zipped(tmp_path / "fakes.zip", {}), SPLITS)
    for person in range(40):
        real, fake = reals.facts(f"s{person}/1.pgm"), fakes.facts(f"of_s{person}_to_s1.png")
        assert isinstance(real, Facts)
        assert isinstance(fake, Facts)
        assert (real.identity, real.split) == (fake.identity, fake.split) == (f"orl/s{person}", real.split)


@pytest.mark.parametrize("rule", ["(s[0-9]+)?x", "([0-9]*)x"])
def test_a_rule_without_a_match_gives_no_identity(rule: str) -> None:
    assert identity_of("orl", "abcx", rule) is None


def test_a_person_stays_in_one_split(tmp_path: Path) -> None:
    found = rules(tmp_path, source())
    facts = [found.facts(f"s{person}/{number}.pgm") for person in range(30) for number in (1, 2)]
    for one in facts:
        assert isinstance(one, Facts)
        assert one.split == split_of(one.identity, SPLITS)
    assert facts[0::2] == facts[1::2]
    assert {one.split for one in facts if isinstance(one, Facts)} == {"train", "val", "test"}


def test_without_a_rule_every_picture_is_a_person_of_its_own(tmp_path: Path) -> None:
    found = rules(tmp_path, source(identity=""))
    facts = [found.facts(f"{folder}/{number}.jpg") for folder in "ab" for number in range(20)]
    assert len({one.identity for one in facts if isinstance(one, Facts)}) == 40


def test_a_name_without_a_person_is_counted(tmp_path: Path) -> None:
    bad = rules(tmp_path, source()).facts("somebody.pgm")
    assert isinstance(bad, Dropped)
    assert (bad.path, bad.reason) == ("somebody.pgm", "no_identity")
    assert "(s[0-9]+)/" in bad.detail


def test_attributes_of_names(tmp_path: Path) -> None:
    attributes = {
        "gender": {"match": "-([FM])-", "values": {"F": "female", "M": "male"}},
        "age": {"match": "-([0-9]*)y"},
        "name": {"match": "/([a-z]+)", "values": {"a": "Ann", "b": "", "*": "other"}},
        "known": {"match": "/([a-z]+)", "values": {"a": "yes", "*": ""}},
    }
    found = rules(tmp_path, source(attributes=attributes))
    for path, expected in {
        "s1/a-F-30y.jpg": {"gender": "female", "age": "30", "name": "Ann", "known": "yes"},
        "s1/a-M-y.jpg": {"gender": "male", "name": "Ann", "known": "yes"},
        "s1/b-X-7y.jpg": {"age": "7"},
        "s1/c.jpg": {"name": "other"},
    }.items():
        facts = found.facts(path)
        assert isinstance(facts, Facts)
        assert facts.attributes == expected


def test_a_row_is_found_by_the_whole_path_or_its_end(tmp_path: Path) -> None:
    text = "path,age\na/b/1.jpg,1\nb/2.jpg,2\n3.jpg,3\n"
    assert table(text, tmp_path, "a/b/1.jpg", "a/b/2.jpg", "a/b/3.jpg") == ["1", "2", "3"]
    assert table(text, tmp_path, "x/a/b/1.jpg", "b/1.jpg", "xb/2.jpg", "13.jpg") == ["1", *["not_in_table"] * 3]


def test_the_longest_end_counts(tmp_path: Path) -> None:
    text = "path,age\n1.jpg,1\nb/1.jpg,2\na/b/1.jpg,3\n"
    assert table(text, tmp_path, "x/1.jpg", "x/b/1.jpg", "x/a/b/1.jpg") == ["1", "2", "3"]


@pytest.mark.parametrize(
    "data",
    [
        "path;age\nä/1.jpg;3\n".encode(),
        "path,age\nä/1.jpg,3\n".encode("utf-16"),
        "path\tage\nä/1.jpg\t3\n".encode("utf-16-le"),
        "path,age\nä/1.jpg,3\n".encode("latin-1"),
        "path,age\nä/1.jpg,3.0\n".encode(),
        "path,age\na\u0308/1.jpg,3\n".encode(),
    ],
)
def test_tables_of_any_delimiter_encoding_and_form(tmp_path: Path, data: bytes) -> None:
    assert table(data, tmp_path, "x/ä/1.jpg") == ["3"]
    assert table(data, tmp_path, "x/a\u0308/1.jpg") == ["3"]


@pytest.mark.parametrize("index", [[5, 2], ["b", "a"]])
def test_a_parquet_table_whose_index_means_nothing(tmp_path: Path, index: list[Any]) -> None:
    frame = pd.DataFrame({"path": pd.Categorical(["1.jpg", "2.jpg"]), "age": [3.0, None], "ok": [True, True]}, index)
    data = frame.to_parquet()
    assert table(data, tmp_path, "1.jpg", "2.jpg", file="*", where={"ok": "True"}) == ["3", "not stated"]


def test_a_row_may_leave_out_the_suffix(tmp_path: Path) -> None:
    text = "path,age\na/1,1\n2,2\n3.jpg,3\n4.v2,4\n"
    paths = ["a/1.jpg", "a/2.png", "a/3.png", "a/4.v2.jpg", "a/4.jpg"]
    assert table(text, tmp_path, *paths) == ["1", "2", "not_in_table", "4", "not_in_table"]


def test_a_row_belongs_to_one_picture(tmp_path: Path) -> None:
    """Which of the two the row means can't be told; but nothing is counted twice and nothing is lost silently."""
    assert table("path,age\n1.jpg,30\n", tmp_path, "real/1.jpg", "fake/1.jpg") == ["30", "row_taken"]
    assert table("path,age\n1,30\n", tmp_path, "a/1.jpg", "a/1.png") == ["30", "row_taken"]


def test_where_chooses_the_rows_of_the_source(tmp_path: Path) -> None:
    paths = ["x/real/1.jpg", "x/fake/1.jpg", "x/real/2.jpg"]
    assert table(LABELS, tmp_path, *paths, where={"label": "1"}) == ["30", None, "not_in_table"]
    assert table(LABELS, tmp_path, *paths, where={"label": "0"}) == [None, "40", "not_in_table"]
    assert table(LABELS, tmp_path, *paths, where={"label": "0", "age": "30"}) == [None, None, "not_in_table"]


def test_a_row_of_another_source_is_not_taken(tmp_path: Path) -> None:
    assert table("path,label,age\n1.jpg,0,3\n", tmp_path, "a/1.jpg", "b/1.jpg", where={"label": "1"}) == [None, None]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tables_as_other_programs_write_them(tmp_path: Path, encoding: str, end: str) -> None:
    lines = ["path,label,age", '"ä, b.jpg",1,"30', 'years"', "", ",,", "2.jpg", "3.jpg,1,7,more,still more"]
    text = end.join([*lines, ""]).encode(encoding)
    found = table(text, tmp_path, "x/ä, b.jpg", "x/3.jpg", "x/2.jpg", where={"label": "1"})
    assert found == ["30", "7", None]
    assert table(text, tmp_path, "x/2.jpg") == ["not stated"]


def test_rows_without_a_name_match_no_picture(tmp_path: Path) -> None:
    assert table("path,age\n,1\n,2\na.jpg,3\n", tmp_path, "a.jpg", "b.jpg") == ["3", "not_in_table"]


def test_the_same_row_twice_is_one(tmp_path: Path) -> None:
    assert table("path,age\na.jpg,3\na.jpg,3\n", tmp_path, "a.jpg") == ["3"]


def test_a_name_that_matches_two_rows(tmp_path: Path) -> None:
    message = refusal("path,age\na.jpg,3\nb.jpg,3\na.jpg,4\n", tmp_path)
    assert "faces.zip: all.csv names 'a.jpg' twice, with different values" in message


@pytest.mark.parametrize(
    ("changed", "column", "near"),
    [
        ({"name": "paths"}, "paths", "path"),
        ({"where": {"lable": "1"}}, "lable", "label"),
    ],
)
def test_a_column_that_is_not_there(tmp_path: Path, changed: dict[str, Any], column: str, near: str) -> None:
    message = refusal(LABELS, tmp_path, **changed)
    assert f"all.csv has no column {column!r}; allowed: path, label, age; did you mean `{near}`?" in message


def test_a_column_of_an_attribute_that_is_not_there(tmp_path: Path) -> None:
    message = refusal("path,agee\na.jpg,3\n", tmp_path)
    assert "all.csv has no column 'age'; allowed: path, agee; did you mean `agee`?" in message


def test_a_table_without_a_line_of_names(tmp_path: Path) -> None:
    found = table("a.jpg,30\nb.jpg,40\n", tmp_path, "x/a.jpg", "x/b.jpg", columns=["path", "age"])
    assert found == ["30", "40"]


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\x00p", b"\x89PNG\r\n\x1a\n" * 40, b"path,age\n" + b"a" * 200_000])
def test_what_is_no_table(tmp_path: Path, text: bytes) -> None:
    assert "faces.zip: all.csv" in refusal(text, tmp_path)


def test_no_table_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"faces\.zip: no file matches `table\.file`, '\*\.csv'"):
        rules(tmp_path, source(table={"file": "*.csv", "name": "path"}), {"labels.txt": LABELS})


def test_a_table_that_can_not_be_read(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "faces.zip", {"all.csv": LABELS.encode()})
    archive.write_bytes(archive.read_bytes().replace(b"path", b"PATH"))
    with pytest.raises(UserError, match=r"faces\.zip: all\.csv: damaged_member \(Bad CRC-32"):
        Rules("orl", source(table={"file": "*.csv", "name": "path"}), archive, SPLITS)


def test_what_macos_puts_beside_a_table_is_none(tmp_path: Path) -> None:
    files = {"all.csv": "path,age\n1.jpg,1\n", "__MACOSX/._all.csv": "Mac OS X"}
    found = rules(tmp_path, source(identity="", table={"file": "*.csv", "name": "path"}), files)
    assert said(found.facts("1.jpg")) == "not stated"


@pytest.mark.parametrize(
    "name",
    ["/home/me/faces/a/1.jpg", "C:\\faces\\a\\1.jpg", "../faces/a/1.JPG", "./a/1.jpg", "a\\1.jpg", "/x/a/1"],
)
def test_a_table_names_pictures_as_its_own_machine_did(tmp_path: Path, name: str) -> None:
    text = f"path,age\n{name},3\n/home/me/faces/b/1.jpg,4\n"
    assert table(text, tmp_path, "a/1.jpg", "b/1.jpg", "c/1.jpg") == ["3", "4", "not_in_table"]


def test_only_the_case_of_the_suffix_is_ignored(tmp_path: Path) -> None:
    assert table("path,age\nA/1.JPG,1\na/2.jpg,2\n", tmp_path, "A/1.jpg", "a/2.JPG", "a/1.jpg") == [
        "1",
        "2",
        "not_in_table",
    ]
    assert table("path,age\n1.JPG,1\n1.jpg,2\n", tmp_path, "1.JPG", "1.jpg") == ["1", "2"]


def test_a_picture_that_two_absolute_paths_may_mean(tmp_path: Path) -> None:
    assert table("path,age\n/x/a/1.jpg,1\n/y/a/1.jpg,2\n", tmp_path, "a/1.jpg") == ["several_rows"]


def test_several_tables_are_one(tmp_path: Path) -> None:
    files = {"a/train.csv": "path,age\n1.jpg,1\n", "a/test.csv": "age,path\n2,2.jpg\n", "other.csv": "x\n1\n"}
    block = {"file": "a/*.csv", "name": "path"}
    age = {"age": {"column": "age", "match": "(.*)"}}
    found = rules(tmp_path, source(identity="", table=block, attributes=age), files)
    assert [said(found.facts(name)) for name in ("1.jpg", "2.jpg", "3.jpg")] == ["1", "2", "not_in_table"]


@pytest.mark.parametrize("path", ["x/CFD-WF-001-003-N.jpg", "images/SFHQ_pt1_00000001.jpg"])
def test_pictures_that_are_held_out_for_good(tmp_path: Path, path: str) -> None:
    with pytest.raises(UserError, match=r"`sources.orl.use` is .*, which is always held out") as caught:
        rules(tmp_path, source(identity="")).facts(path)
    assert "\n" not in str(caught.value)
    for allowed in (source(identity="", use="held_out"), source(identity="", train_anyway="to show what it does")):
        assert isinstance(rules(tmp_path, allowed).facts(path), Facts)


def picked(name: str, archive: Path, **changed: Any) -> list[str]:
    """The pictures that a source of the catalogue takes out of an archive."""
    settings = catalogue.load_catalogue().sources[name].model_copy(update=changed)
    found = Rules(name, settings, archive, SPLITS)
    paths = [entry.name for entry in entries(archive, settings.members, settings.inside)]
    assert paths
    return [path for path in paths if isinstance(found.facts(path), Facts)]


@pytest.mark.parametrize(("name", "word"), [("ffhq_140k", "real"), ("stylegan_140k", "fake")])
def test_140k_folders_and_labels(tmp_path: Path, name: str, word: str) -> None:
    archive = zipped(tmp_path / "140k.zip", files_of_140k(PICTURES))
    for changed in ({}, {"members": "*.jpg"}):  # by folder and table, and by the table alone
        found = picked(name, archive, **changed)
        assert len(found) == 9
        assert all(f"/{word}/" in path for path in found)


@pytest.mark.parametrize("name", ["ffhq_140k", "stylegan_140k"])
def test_140k_folders_and_labels_that_do_not_agree(tmp_path: Path, name: str) -> None:
    """A csv with the labels turned round: better no picture than fakes for reals."""
    turned = files_of_140k(PICTURES)
    for part in ("train", "valid", "test"):
        text = turned[f"{part}.csv"].decode()
        turned[f"{part}.csv"] = re.sub(r",([01]),(real|fake),", lambda m: f",{1 - int(m[1])},{m[2]},", text).encode()
    assert picked(name, zipped(tmp_path / "turned.zip", turned)) == []


@pytest.mark.parametrize("word", ["real", "fake"])
def test_720k_the_same_name_in_every_folder(tmp_path: Path, word: str) -> None:
    files = files_of_720k(PICTURES)
    found = picked(f"ai_vs_human_{word}", zipped(tmp_path / "720k.zip", files))
    assert found == [path for path in files if f"/{word}/" in path]
