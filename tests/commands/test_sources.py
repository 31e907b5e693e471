"""`unseen sources`: the table of what there is, and the blocks to paste."""

from pathlib import Path

import pytest
import yaml

from unseen.sources.catalogue import load_catalogue

from .program import run

PARAMS = """
archives: {}
folders:
  mine:
    path: photos
sources:
  friends:
    archive: mine
    group: people
    use: train
    label: real
    license: my own
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a project is where each test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cells(line: str) -> list[str]:
    """The cells of a line of the table: two spaces or more part them."""
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_the_table_outside_of_a_project_is_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "sources")
    assert (code, err) == (0, [])
    assert cells(out[0]) == ["source", "label", "use", "kind", "here", "size", "licence"]
    assert [cells(line)[0] for line in out[1:]] == list(load_catalogue().sources)
    assert {cells(line)[4] for line in out[1:]} == {"in the catalogue"}
    assert len({line.index("real" if "  real  " in line else "fake", 16) for line in out[1:]}) == 1, "aligned"


def test_the_table_starts_with_the_sources_of_params(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    (elsewhere / "params.yaml").write_text(PARAMS)
    code, out, _ = run(capsys, "sources")
    assert code == 0
    assert cells(out[1]) == ["friends", "real", "train", "folder", "in params", "size not known", "my own"]
    assert len(out) == 2 + len(load_catalogue().sources)


def test_names_print_blocks_that_params_take(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    code, out, err = run(capsys, "sources", "ffhq_140k", "stylegan_140k")
    assert (code, err) == (0, [])
    pasted = yaml.safe_load("\n".join(out))
    assert (list(pasted["archives"]), list(pasted["sources"])) == (
        ["real_and_fake_140k"],
        ["ffhq_140k", "stylegan_140k"],
    )
    (elsewhere / "params.yaml").write_text("\n".join(out))
    _, table, _ = run(capsys, "sources")
    assert [cells(line)[4] for line in table[1:3]] == ["in params", "in params"]


def test_an_unknown_name_is_one_line_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "sources", "cfd", "sfhq")
    assert (code, out, len(err)) == (2, [], 1)
    assert "`sfhq`" in err[0]
    assert err[0].endswith("did you mean `sfhq_1`?")


def test_a_source_without_its_archive_is_one_line(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    (elsewhere / "params.yaml").write_text(PARAMS.replace("archive: mine", "archive: mime"))
    code, out, err = run(capsys, "sources")
    assert (code, out, len(err)) == (2, [], 1)
    assert "`sources.friends.archive`" in err[0]
    assert err[0].endswith("did you mean `mine`?")


def test_a_source_is_added(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    (elsewhere / "params.yaml").write_text(PARAMS)
    code, out, err = run(capsys, "sources", "sfhq_1", "--add")
    assert (code, err) == (0, [])
    assert out == [
        "params.yaml: added `archives.sfhq_1`, `sources.sfhq_1`",
        "to evaluate on it, add to `evaluation_sets`:  sfhq_1: {data: faces/held_out/sfhq_1, split: all}",
    ]
    _, table, _ = run(capsys, "sources")
    assert cells(table[2])[:1] + cells(table[2])[4:5] == ["sfhq_1", "in params"]


def test_nothing_to_add_and_nowhere_to_add_to(capsys: pytest.CaptureFixture[str], elsewhere: Path) -> None:
    for words, says in ((["--add"], "needs the name of a source"), (["lfw", "--add"], "params.yaml: not found")):
        code, out, err = run(capsys, "sources", *words)
        assert (code, out, len(err)) == (2, [], 1)
        assert says in err[0]
    assert list(elsewhere.iterdir()) == []
