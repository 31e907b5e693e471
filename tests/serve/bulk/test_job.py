"""What a job finds of an earlier run: it goes on, or refuses what is not its own."""

import json
from pathlib import Path

import fsspec  # type: ignore[import-untyped]
import pytest

from unseen.core.errors import UserError
from unseen.serve.bulk.job import Job, fingerprint, finish, open_job
from unseen.serve.bulk.readers import Options
from unseen.serve.bulk.rows import rows_of, table_of
from unseen.serve.prediction import NotScored, Prediction

from .stub_scorer import predicted
from .test_readers import write

DETECTOR = {"name": "d", "sha256": fingerprint({"a": b"1"}), "backend": "torch"}


def opened(source: Path, target: Path | str) -> Job:
    """A job of two chunks."""
    return open_job(str(source), str(target), Options(chunk=2, batch=1), DETECTOR)


def score(job: Job, most: int = 9) -> int:
    """Write the parts that are left, `most` of them. Returns how many."""
    written = 0
    for chunk in list(job.chunks())[:most]:
        read = [one for batch in chunk.batches for one in batch.read()]
        job.write(chunk, table_of(row for name, data in read for row in rows_of(name, predicted(name, data))))
        written += 1
    return written


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with three pictures."""
    write(tmp_path / "in", "a.jpg", "b.jpg", "c.jpg")
    return tmp_path / "in"


def test_goes_on_with_the_same_bytes(source: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert score(opened(source, whole)) == 2
    job = opened(source, broken)
    assert (job.total, job.pictures, job.left) == (2, 3, 2)
    assert score(job, 1) == 1
    (broken / ".part-0000001-x.parquet.y.part").write_bytes(b"half of a part")
    again = opened(source, broken)
    assert again.left == 1
    assert score(again) == 1
    assert opened(source, broken).left == 0
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == {
        path.name: path.read_bytes() for path in broken.iterdir()
    }


@pytest.mark.parametrize("change", ["more", "fewer", "renamed", "detector", "options"])
def test_refuses_another_input_or_detector(source: Path, tmp_path: Path, change: str) -> None:
    score(opened(source, tmp_path / "out"))
    if change == "more":
        write(source, "d.jpg")
    elif change == "fewer":
        (source / "c.jpg").unlink()
    elif change == "renamed":
        (source / "a.jpg").rename(source / "aa.jpg")
    options = Options(chunk=3 if change == "options" else 2, batch=1)
    detector = {**DETECTOR, "sha256": "x"} if change == "detector" else DETECTOR
    with pytest.raises(UserError, match="give another") as caught:
        open_job(str(source), str(tmp_path / "out"), options, detector)
    expected = {"detector": "(detector differ", "options": "(options differ"}.get(
        change, "the files have changed since"
    )
    assert expected in str(caught.value)


def test_refuses_a_folder_of_something_else(source: Path, tmp_path: Path) -> None:
    write(tmp_path / "out", "letter.txt")
    with pytest.raises(UserError, match=r"other files, such as letter\.txt"):
        opened(source, tmp_path / "out")
    with pytest.raises(UserError, match="is a file"):
        opened(source, tmp_path / "out/letter.txt")
    (tmp_path / "out/letter.txt").rename(tmp_path / "out/job.json")
    with pytest.raises(UserError, match="damaged"):
        opened(source, tmp_path / "out")
    (tmp_path / "out/job.json").write_text("[" * 20_000)
    with pytest.raises(UserError, match="damaged"):
        opened(source, tmp_path / "out")


def test_counts_and_versions_on_a_store(source: Path) -> None:
    (source / "c.jpg").unlink()
    (source / "c.jpg").mkdir()
    (source / "c.jpg" / "d.jpg").symlink_to("nowhere")
    job = opened(source, "memory://out")
    score(job)
    summary = finish(job, {"scope": "s"}, DETECTOR)
    assert (summary["pictures"], summary["faces"], summary["not_scored"]) == (3, 2, 1)
    assert summary["verdicts"] == {"fake": 2}
    assert summary["reasons"] == {"unsure": {}, "not_scored": {"not_found": 1}}
    assert set(summary["versions"]) >= {"ray", "torch", "unseen"}
    store = fsspec.filesystem("memory")
    assert json.loads(store.cat_file("/out/summary.json")) == summary
    assert opened(source, "memory://out").left == 0
    store.rm("/out", recursive=True)


def test_a_picture_with_one_scored_face_is_scored(source: Path, tmp_path: Path) -> None:
    """As for the exit code of `unseen predict`; `not_scored` counts all rows without a score."""
    small = NotScored("too_small", "8 pixels", (0, 0, 8, 8))
    (face,) = predicted("a.jpg", b"a").faces
    found = {
        "a.jpg": Prediction("a.jpg", (face,), (small,), sha256="a"),
        "b.jpg": Prediction("b.jpg", (), (small, small), sha256="b"),
        "c.jpg": Prediction("c.jpg", (), (NotScored("no_face", "none"),), sha256="b"),
    }
    job = open_job(str(source), str(tmp_path / "out"), Options(chunk=9), DETECTOR)
    (chunk,) = job.chunks()
    job.write(chunk, table_of(row for name, one in found.items() for row in rows_of(name, one)))
    counts = job.counts()
    assert (counts["pictures"], counts["faces"], counts["not_scored"]) == (3, 1, 4)
    assert counts["pictures_without_a_score"] == 2
