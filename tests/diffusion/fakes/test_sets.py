"""A set of made fakes: the same bytes after a kill, and with several processes."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from diffusion.fakes.knobs import settings
from diffusion.fakes.stub import COUNT, Marker, maker, reals
from faces_for_training import OrlFaces, bytes_below
from unseen.core.errors import UserError
from unseen.core.json_files import write_json
from unseen.core.parallel import Parallel
from unseen.data.pictures import Pixels
from unseen.data.shards import open_set
from unseen.diffusion.fakes import sets
from unseen.diffusion.fakes.blocks import Blocks
from unseen.diffusion.fakes.diffuse import Diffuse
from unseen.diffusion.fakes.gate import Gate
from unseen.diffusion.fakes.sets import check_reals, diffuse_set
from unseen.diffusion.fakes.settings import GramSettings
from unseen.faces.detect import FaceDetector
from unseen.faces.settings import FaceSettings

BATCH = 4


class Rank(Parallel):
    """One of several processes."""

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count


class Maker:
    """Makes the set of a folder of reals with a stub."""

    def __init__(self, folder: Path, faces: OrlFaces, detector: FaceDetector, knobs: FaceSettings) -> None:
        self.folder, self._detector, self._knobs = folder, detector, knobs
        self.reals = reals(folder, faces)

    def maker(self, painter: Marker, **changed: Any) -> Diffuse:
        return maker(self._detector, self._knobs, painter, **{"batch": BATCH, **changed})

    def blocks(self, name: str) -> Blocks:
        return Blocks(self.folder / "scratch" / name)

    def set(self, name: str, painter: Marker, parallel: Parallel | None = None, **changed: Any) -> dict[str, Any]:
        target = self.folder / name / "fakes"
        made = self.maker(painter, **changed)
        return diffuse_set(made, [self.reals], [], self.blocks(name), target, parallel or Rank(0, 1))


@pytest.fixture
def made(tmp_path: Path, orl_faces: OrlFaces, face_detector: FaceDetector, face_settings: FaceSettings) -> Maker:
    return Maker(tmp_path, orl_faces, face_detector, face_settings)


def test_every_real_has_its_fake_or_a_reason(made: Maker) -> None:
    painter = Marker()
    counts = made.set("whole", painter)
    stored = open_set(made.folder / "whole/fakes")
    assert (stored.label, stored.use, stored.name) == (1, "train", "fakes")
    assert counts["read"] == COUNT == counts["kept"] + sum(counts["dropped"].values())
    assert counts["watermarked"] == 0
    assert "gram" not in counts
    assert [len(seeds) for _, seeds in painter.calls] == [4, 4, 4, 4, 2]
    ids = stored.index(["train", "val", "test"], ["id"])["id"]
    assert ids == sorted(ids)


class KilledError(Exception):
    """Stands in for a kill."""


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_kill_loses_at_most_a_batch_and_changes_no_byte(made: Maker, after: int) -> None:
    made.set("whole", Marker())
    left = after * BATCH + 1

    def kill(attempt: int, face: Pixels) -> Pixels:
        nonlocal left
        left -= 1
        if left < 0:
            raise KilledError
        return face

    with pytest.raises(KilledError):
        made.set("killed", Marker(kill))
    assert not (made.folder / "killed").exists()
    painter = Marker()
    made.set("killed", painter)
    assert len(painter.calls) == 5 - after
    assert bytes_below(made.folder / "killed") == bytes_below(made.folder / "whole")
    blocks = made.blocks("killed")
    assert blocks.folder.is_dir()
    blocks.clear()
    assert not blocks.folder.exists()


def test_pictures_of_a_gpu_are_stored_while_others_are_made(made: Maker) -> None:
    made.set("whole", Marker())
    painter, storing = Marker(), []
    painter.cpu = False

    def change(attempt: int, face: Pixels) -> Pixels:
        storing.append(len(list(made.blocks("set").folder.glob("*.parquet"))))
        return face

    painter.change = change
    made.set("set", painter)
    assert bytes_below(made.folder / "set") == bytes_below(made.folder / "whole")
    assert storing[BATCH] <= 1, "the second batch does not wait for the first to be stored"
    assert storing[-1] >= 3, "and no more than one is waiting"


def test_what_a_prompt_names_is_checked_before_anything_is_made(made: Maker) -> None:
    captions = {f"orl/{number:04d}.jpg": {"caption": "a man"} for number in range(COUNT - 1)}
    painter = Marker()
    with pytest.raises(UserError, match=r"orl/0017.jpg: no `caption` for the prompt '{caption}'"):
        made.set("set", painter, captions=captions, prompt="{caption}")
    assert painter.calls == []


def test_a_request_to_stop_is_one_line_and_goes_on(made: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_STOP_AFTER", "0.000001")
    with pytest.raises(UserError, match=r"stopped at batch 1 of 5; run it again to resume"):
        made.set("set", Marker())
    monkeypatch.delenv("UNSEEN_STOP_AFTER")
    painter = Marker()
    made.set("set", painter)
    assert len(painter.calls) == 4


def test_a_damaged_batch_is_made_again(made: Maker, capsys: pytest.CaptureFixture[str]) -> None:
    made.set("whole", Marker())
    made.set("set", Marker())
    file = made.blocks("set").file(2)
    file.write_bytes(file.read_bytes()[:-9])
    painter = Marker()
    made.set("set", painter)
    assert len(painter.calls) == 1
    assert "batch-0000002.parquet: damaged; renamed to" in capsys.readouterr().err
    assert bytes_below(made.folder / "set") == bytes_below(made.folder / "whole")


def test_processes_share_the_batches(made: Maker) -> None:
    made.set("whole", Marker())
    painters = [Marker(), Marker()]
    found: list[dict[str, Any]] = []
    first = threading.Thread(target=lambda: found.append(made.set("two", painters[0], Rank(0, 2))))
    first.start()  # it waits for the other one's batches
    assert made.set("two", painters[1], Rank(1, 2)) == {}
    first.join(60)
    assert [len(painter.calls) for painter in painters] == [3, 2]
    assert found[0]["read"] == COUNT
    assert bytes_below(made.folder / "two") == bytes_below(made.folder / "whole")


class Looks:
    """A clock on which ten minutes pass between two looks for the batches of others, some of which then appear."""

    def __init__(self, arrivals: dict[int, Callable[[], None]]) -> None:
        self._arrivals, self.looks = arrivals, 0

    def monotonic(self) -> float:
        return 600.0 * self.looks

    def sleep(self, seconds: float) -> None:
        self.looks += 1
        assert self.looks < 100, "it waits forever"
        if self.looks in self._arrivals:
            self._arrivals[self.looks]()


def test_a_process_on_another_machine_that_died_is_one_line(made: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "time", clock := Looks({}))
    with pytest.raises(UserError, match="no batch of another process for 30 minutes; see what that process printed"):
        made.set("two", Marker(), Rank(0, 2))
    assert clock.looks == 4
    assert made.set("two", Marker(), Rank(1, 2)) == {}
    painter = Marker()
    assert made.set("two", painter, Rank(0, 2))["read"] == COUNT
    assert painter.calls == [], "what it had made is kept"


def test_no_process_is_given_up_while_batches_appear(made: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    made.set("two", Marker(), Rank(1, 2))
    blocks, arrivals = made.blocks("two"), dict[int, Callable[[], None]]()
    for number in (1, 3):
        content = blocks.file(number).read_bytes()
        blocks.file(number).unlink()

        def arrive(number: int = number, content: bytes = content) -> None:
            blocks.file(number).write_bytes(content)
            os.utime(blocks.folder, ns=(number, number))

        arrivals[3 if number == 1 else 6] = arrive
    monkeypatch.setattr(sets, "time", clock := Looks(arrivals))
    assert made.set("two", Marker(), Rank(0, 2))["read"] == COUNT
    assert clock.looks == 6


class Half(Gate):
    """Refuses the first try of every other picture."""

    def __init__(self) -> None:
        super().__init__(GramSettings(threshold=1.0, retries=1), nn.Identity(), 1.0)

    def distances(self, reals: Any, made: Any) -> list[float]:
        return [2.0 - i % 2 * 1.5 for i in range(len(made))]


def test_the_gates_numbers_are_those_of_all_batches_also_after_a_kill(made: Maker) -> None:
    knobs = {"gram": {"threshold": 1.0, "retries": 1}, "gram_weights": "hub/vgg19"}
    counts = made.set("gated", Marker(), gate=Half(), **knobs)
    again = made.set("gated", Marker(), gate=Half(), **knobs)
    assert counts == again
    assert counts["gram"]["made_again"] == 9
    assert counts["gram"]["first"]["count"] == COUNT
    write_json(made.folder / "metrics.json", counts)
    assert json.loads((made.folder / "metrics.json").read_text()) == counts


@pytest.mark.parametrize(
    ("use", "generator", "made_use", "fragment"),
    [
        ("held_out", "", "train", "`orl` is held out, but its fakes would train; correct `diffuse.x.of`"),
        ("train", "some", "train", "`orl` holds fakes"),
        ("held_out", "", "held_out", ""),
        ("train", "", "held_out", ""),
    ],
)
def test_fakes_that_train_are_of_reals_that_train(
    tmp_path: Path, orl_faces: OrlFaces, use: str, generator: str, made_use: str, fragment: str
) -> None:
    of = reals(tmp_path, orl_faces, use=use, generator=generator)
    if fragment:
        with pytest.raises(UserError, match=fragment):
            check_reals("x", settings(use=made_use), [of])
    else:
        check_reals("x", settings(use=made_use), [of])
