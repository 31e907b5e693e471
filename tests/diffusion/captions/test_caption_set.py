"""The captions of a set: a row for each face, the same bytes after a kill, and counts."""

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from faces_for_training import encoded, stored
from tiny_models import pictures
from unseen.core.errors import StoppedError, UserError
from unseen.data.pictures import Pixels
from unseen.data.shards import FaceSet
from unseen.diffusion.captions.caption_set import caption_metrics, caption_rows, use_of
from unseen.diffusion.captions.captioner import Captioner
from unseen.diffusion.captions.checkpoint import CaptionCheckpoint, Row
from unseen.diffusion.captions.settings import CaptionSettings
from unseen.diffusion.captions.table import write_captions
from unseen.diffusion.captions.zero_shot import ZeroShot

CPU = torch.device("cpu")
TEXTS = {"gender": {"man": "a man", "woman": "a woman"}}
KNOBS = CaptionSettings(of="faces/people", model="hub/blip", attribute_model="none", max_new_tokens=6)


class Interrupted(Captioner):
    """A caption model that gets a signal while it makes some batch."""

    at = 0

    def __call__(self, faces: Sequence[Pixels]) -> list[str]:
        self.at -= 1
        if self.at == 0:
            signal.raise_signal(signal.SIGTERM)
        return super().__call__(faces)


@pytest.fixture(scope="module")
def captioner(models: Path) -> Interrupted:
    return Interrupted(models / "blip", KNOBS, CPU)


@pytest.fixture(scope="module")
def zero_shot(models: Path) -> ZeroShot:
    return ZeroShot(models / "clip", TEXTS, CPU)


def rows_of(
    sets: list[FaceSet], captioner: Captioner, zero_shot: ZeroShot | None, folder: Path, batch: int = 3
) -> list[Row]:
    return caption_rows("some", sets, captioner, zero_shot, batch, CaptionCheckpoint(folder), 1000)


def test_a_row_for_each_face(
    face_set: FaceSet, captioner: Captioner, zero_shot: ZeroShot, models: Path, tmp_path: Path
) -> None:
    rows = rows_of([face_set], captioner, zero_shot, tmp_path / "scratch")
    index = face_set.index(["train", "val", "test"], ["id", "sha256"])
    assert [row["id"] for row in rows] == index["id"]
    assert [row["sha256"] for row in rows] == index["sha256"]
    for number, row in enumerate(rows):
        attributes = row["attributes"]
        assert set(attributes) == {"number", "zero_shot_gender"}
        assert attributes["number"] == str(number)
    assert {row["model"] for row in rows} == {"somebody/blip"}
    assert {row["revision"] for row in rows} == {"c" * 40}
    assert {(row["attribute_model"], row["attribute_revision"]) for row in rows} == {("clip", "")}
    one_by_one = rows_of([face_set], captioner, zero_shot, tmp_path / "other", batch=1)
    assert one_by_one == rows


@pytest.mark.parametrize("at", [1, 2, 4])
def test_the_same_bytes_after_a_stop(
    face_set: FaceSet, captioner: Interrupted, zero_shot: ZeroShot, tmp_path: Path, at: int
) -> None:
    files = [encoded(picture, quality=95) for picture in pictures(3, seed=8)]
    sets = [face_set, stored(tmp_path / "more", files, ["q"] * 3, ["train"] * 3)]
    whole = rows_of(sets, captioner, zero_shot, tmp_path / "whole")
    captioner.at = at
    with pytest.raises(StoppedError):
        rows_of(sets, captioner, zero_shot, tmp_path / "stopped")
    made: list[int] = []
    again = rows_of(sets, _counting(captioner, made), zero_shot, tmp_path / "stopped")
    assert sum(made) == len(whole) - min(3 * at, 10), "faces of finished batches are not described again"
    for name, rows in (("whole", whole), ("again", again)):
        write_captions(tmp_path / f"{name}.parquet", rows, "train")
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "again.parquet").read_bytes()


def _counting(captioner: Captioner, made: list[int]) -> Captioner:
    class Counting(Captioner):
        def __init__(self) -> None:
            self.folder = captioner.folder

        def __call__(self, faces: Sequence[Pixels]) -> list[str]:
            made.append(len(faces))
            return captioner(faces)

    return Counting()


def test_a_damaged_block_is_made_again(face_set: FaceSet, captioner: Interrupted, tmp_path: Path) -> None:
    whole = rows_of([face_set], captioner, None, tmp_path / "whole")
    captioner.at = 3
    with pytest.raises(StoppedError):
        rows_of([face_set], captioner, None, tmp_path / "stopped")
    (block,) = (tmp_path / "stopped").iterdir()
    block.write_bytes(block.read_bytes()[:-40])
    made: list[int] = []
    assert rows_of([face_set], _counting(captioner, made), None, tmp_path / "stopped") == whole
    assert sum(made) == 10


def test_counts(face_set: FaceSet, captioner: Captioner, zero_shot: ZeroShot, tmp_path: Path) -> None:
    rows = rows_of([face_set], captioner, zero_shot, tmp_path / "scratch")
    counts = caption_metrics(rows, "train")
    assert counts["n"] == 10
    assert counts["distinct"] == len({row["caption"] for row in rows}) > 1
    assert counts["mean_words"] == sum(len(row["caption"].split()) for row in rows) / 10
    assert list(counts["zero_shot"]) == ["zero_shot_gender"], "an attribute of the set is not a guess"
    assert sum(counts["zero_shot"]["zero_shot_gender"].values()) == pytest.approx(1)
    men = [row["attributes"]["zero_shot_gender"] for row in rows].count("man")
    assert counts["zero_shot"]["zero_shot_gender"].get("man", 0) == men / 10
    assert [one["id"] for one in counts["examples"]] == [row["id"] for row in rows]
    assert counts["use"] == "train"
    assert counts["model"] == "somebody/blip"


def test_one_held_out_set_makes_the_table_held_out(face_set: FaceSet, tmp_path: Path) -> None:
    files = [encoded(pictures(1)[0], quality=95)]
    other = stored(tmp_path / "other", files, ["x"], ["test"], use="held_out")
    fakes = stored(tmp_path / "fakes", files, ["x"], ["test"], generator="gan")
    assert use_of([face_set]) == "train"
    assert use_of([face_set, other]) == "held_out"
    with pytest.raises(UserError, match="captions are of real faces"):
        use_of([fakes])
