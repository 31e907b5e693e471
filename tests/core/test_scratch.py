"""Checkpoints in scratch folders."""

import io
import os
from pathlib import Path

import pytest
import torch

from unseen.core.code import own_code
from unseen.core.runtime import prepare
from unseen.core.scratch import Scratch


def test_scratch_gives_back_what_was_saved(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert Scratch(tmp_path, "gan", {"seed": 1}).load() is None
    state = {"step": 3, "weights": {"w": torch.arange(3.0)}, "history": [{"loss": 0.5}], "best": float("inf")}
    Scratch(tmp_path, "gan", {"seed": 1}).save(state)
    found = Scratch(tmp_path, "gan", {"seed": 1}).load()
    assert found is not None
    assert torch.equal(found.pop("weights")["w"], torch.arange(3.0))
    assert found == {"step": 3, "history": [{"loss": 0.5}], "best": float("inf")}
    assert capfd.readouterr().err == "gan: resuming from step 3\n"


@pytest.mark.parametrize(
    ("title", "key"), [("gan", {"seed": 2}), ("other", {"seed": 1}), ("gan", {"seed": 1, "x": []})]
)
def test_another_title_or_key_is_another_scratch(tmp_path: Path, title: str, key: dict[str, object]) -> None:
    Scratch(tmp_path, "gan", {"seed": 1}).save({"step": 3})
    assert Scratch(tmp_path, title, key).load() is None


def test_other_code_is_another_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Scratch(tmp_path, "gan", 1).save({"step": 3})
    monkeypatch.setattr("unseen.core.scratch.own_code", lambda: {**own_code(), "unseen.core.runtime": "0" * 64})
    assert Scratch(tmp_path, "gan", 1).load() is None


def test_other_threads_are_another_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_THREADS", "1")
    prepare()
    Scratch(tmp_path, "gan", 1).save({"step": 3})
    monkeypatch.setenv("UNSEEN_THREADS", "2")
    prepare()
    assert Scratch(tmp_path, "gan", 1).load() is None, "sums depend on the threads that share them"


def test_clear_removes_the_checkpoint_and_nothing_else(tmp_path: Path) -> None:
    mine, other = Scratch(tmp_path, "gan", 1), Scratch(tmp_path, "gan", 2)
    for one in (mine, other):
        one.save({"step": 1})
    mine.clear()
    assert mine.load() is None
    assert other.load() is not None
    assert len(list(tmp_path.iterdir())) == 1
    mine.clear()


def test_due_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    assert Scratch(tmp_path, "gan", 1).due()
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "3600")
    scratch = Scratch(tmp_path, "gan", 1)
    assert not scratch.due()
    scratch.save({"step": 1})
    assert not scratch.due()


def test_a_checkpoint_that_takes_long_is_taken_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("unseen.core.scratch.time.monotonic", lambda: now[0])
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "10")
    scratch = Scratch(tmp_path, "gan", 1)

    def slow(state: dict[str, int], file: io.BytesIO) -> None:
        now[0] += 4.0

    monkeypatch.setattr("unseen.core.scratch.torch.save", slow)
    now[0] = 10.0
    assert scratch.due()
    scratch.save({"step": 1})
    for later, due in ((10, False), (89, False), (90, True)):  # 10 s, and 20 times the 4 s that it took
        now[0] = 14.0 + later
        assert scratch.due() is due


def test_a_checkpoint_never_holds_code(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, "gan", 1)

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    scratch.save({"step": Evil()})
    assert scratch.load() is None
    assert not (tmp_path / "ran").exists()


def test_a_damaged_checkpoint_is_set_aside_and_training_starts_afresh(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every cut and every flipped bit is noticed: also those that torch and zip do not notice."""
    scratch = Scratch(tmp_path, "gan", 1)
    state = {"step": 3, "weights": torch.arange(40.0)}
    scratch.save(state)
    file = scratch._file
    aside = file.with_name("checkpoint.pt.damaged")
    whole = file.read_bytes()

    def bit_flipped(place: int) -> bytes:
        return whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]

    damages = [whole[:length] for length in (0, 1, 100, len(whole) // 2, len(whole) - 1)]
    damages += [b"\0" * len(whole), b"no checkpoint", *(bit_flipped(place) for place in range(len(whole)))]
    for damaged in damages:
        file.write_bytes(damaged)
        assert scratch.load() is None
        assert aside.read_bytes() == damaged
        aside.unlink()
        assert not file.exists()
        said = capfd.readouterr().err.splitlines()
        assert said == [f"{file}: damaged; renamed to {aside.name}, and training starts again from step 0"]
    scratch.save(state)
    assert scratch.load() is not None


def test_a_checkpoint_that_may_not_be_read_is_not_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = Scratch(tmp_path, "gan", 1)
    scratch.save({"step": 3})

    def refused(*_: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr("unseen.core.scratch.read_sealed", refused)
        with pytest.raises(PermissionError):
            scratch.load()
    assert scratch.load() == {"step": 3}


def test_a_checkpoint_that_breaks_off_leaves_the_last_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = Scratch(tmp_path, "gan", 1)
    scratch.save({"step": 1})

    def torn(_: object, part: io.BytesIO) -> None:
        part.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(OSError, match="disk full"):
        scratch.save({"step": 2})
    found = scratch.load()
    assert found is not None
    assert found["step"] == 1
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["checkpoint.pt"]
