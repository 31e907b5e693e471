"""Jobs on a local Ray: the rows of `unseen predict`, and no row lost where pictures end, stop or confuse a worker."""

import errno
import os
import resource
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from PIL import Image

import unseen
from commands.program import ROOT, run
from unseen.core.errors import UserError
from unseen.serve.bulk.job import open_job
from unseen.serve.bulk.pool import Limits
from unseen.serve.bulk.readers import Options
from unseen.serve.bulk.run import Bulk, Resources

from ..test_predict import artifact, encoded  # noqa: F401
from .stub_scorer import StubScorer

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: pip install -e '.[bulk]'")


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A session of two workers."""
    from unseen.serve.bulk.cluster import session

    with pytest.MonkeyPatch.context() as patch:
        paths = [str(ROOT / "src"), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
        patch.setenv(
            "PYTHONPATH", os.pathsep.join(filter(None, paths))
        )  # for workers: `StubScorer` is in a test folder
        with session(2) as found:
            yield found


def bulk_of(source: Path, target: Path, batch: int = 4, chunk: int = 6, **limits: Any) -> Bulk:
    """A job with workers that need no detector."""
    detector = {"name": "stub", "sha256": "0", "backend": "torch"}
    job = open_job(str(source), str(target), Options(chunk=chunk, batch=batch), detector)
    return Bulk(job, detector, {}, {}, Resources(2), Limits(**{"call_s": 10.0, "deaths": 9, **limits}), StubScorer)


def rows_in(folder: Path) -> list[dict[str, Any]]:
    """All rows, in the order of the parts."""
    return [row for path in sorted(folder.glob("part-*")) for row in pq.read_table(path).to_pylist()]


def write(folder: Path, *contents: str) -> list[str]:
    """Files with these contents. Returns their names."""
    folder.mkdir()
    names = [f"{number:02d}.jpg" for number in range(len(contents))]
    for name, content in zip(names, contents, strict=True):
        (folder / name).write_text(content)
    return names


def test_nothing_listens_beyond_this_machine(ray: Any) -> None:
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    sockets = [(one.name(), here.laddr.ip) for one in processes for here in _listening(one)]
    assert len(sockets) >= 3, "Ray has sockets"
    assert {ip for _, ip in sockets} <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}, sockets
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def _listening(process: psutil.Process) -> list[Any]:
    return [one for one in process.net_connections() if one.status == psutil.CONN_LISTEN]


def test_a_picture_that_ends_or_stops_a_worker_has_a_row_and_takes_no_other_with_it(ray: Any, tmp_path: Path) -> None:
    names = write(tmp_path / "in", "ok", "exit", "ok", "hang", "ok", "killed", "raise", "ok", "ok!")
    bulk = bulk_of(tmp_path / "in", tmp_path / "out")
    assert sorted(bulk.run()) == [3, 6]
    rows = rows_in(tmp_path / "out")
    assert [row["id"] for row in rows] == names
    expected = [None, "worker_died", None, "timed_out", None, "worker_died", "failed", None, None]
    assert [row["reason"] for row in rows] == expected
    assert [row["logit"] for row in rows if row["reason"] is None] == [2, 2, 2, 2, 3]
    assert [rows[at]["detail"] for at in (3, 6)] == [
        "took more than 10 s in both attempts",
        "ValueError: an odd picture",
    ]
    assert bulk.finish()["reasons"]["not_scored"] == {"failed": 1, "timed_out": 1, "worker_died": 2}


def test_workers_that_all_die_end_the_job(ray: Any, tmp_path: Path) -> None:
    write(tmp_path / "in", *["exit"] * 8)
    with pytest.raises(UserError, match="3 workers in a row died or took longer than 10 s"):
        list(bulk_of(tmp_path / "in", tmp_path / "out", deaths=3).run())


def test_a_full_disk_is_one_line_and_the_job_goes_on_later(ray: Any, tmp_path: Path) -> None:
    names = write(tmp_path / "in", *["ok"] * 12)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    bulk = bulk_of(tmp_path / "in", tmp_path / "out")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(UserError, match=rf"part-\d+-.*: {os.strerror(errno.EFBIG)}; free some space") as caught:
            list(bulk.run())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "run the same command again" in str(caught.value)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["job.json"]
    stopped = bulk_of(tmp_path / "in", tmp_path / "out").run()
    assert next(stopped) == 6
    stopped.close()  # type: ignore[attr-defined]
    assert len(list((tmp_path / "out").glob("part-*"))) == 1
    assert list(bulk_of(tmp_path / "in", tmp_path / "out").run()) == [6]
    assert [row["id"] for row in rows_in(tmp_path / "out")] == names


def test_the_command_gives_the_rows_of_predict(
    ray: Any,
    artifact: Path,  # noqa: F811
    tmp_path: Path,
    portrait: Image.Image,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(encoded(portrait, "PNG"))
    (folder / "b.jpg").write_bytes(encoded(portrait, "JPEG", quality=80))
    (folder / "c.jpg").write_bytes(b"no picture")
    (folder / "d.png").write_bytes(encoded(Image.new("RGB", (200, 200), "grey"), "PNG"))
    command = ("bulk", folder, tmp_path / "out", "--detector", artifact, "--workers", "1")
    code, out, err = run(capsys, *command)
    assert code == 1
    assert out[0].startswith("# drawn: ")
    assert err[-1].endswith("2 not scored (no_face 1, not_an_image 1)")
    rows = rows_in(tmp_path / "out")
    predictions = unseen.load(artifact, device="cpu").predict(sorted(folder.iterdir()))
    expected = [(Path(one.name).name, one, row) for one in predictions for row in (*one.faces, *one.not_scored)]
    assert [row["id"] for row in rows] == [name for name, _, _ in expected]
    for row, (_, picture, one) in zip(rows, expected, strict=True):
        assert row["sha256"] == picture.sha256 or (row["sha256"] is None and not picture.sha256)
        if isinstance(one, unseen.NotScored):
            assert (row["face"], row["reason"], row["detail"], row["logit"]) == (None, one.reason, one.detail, None)
            continue
        assert (row["left"], row["top"], row["box_width"], row["box_height"]) == one.box
        assert (row["verdict"], row["reason"] or "", row["above_threshold"]) == (
            one.verdict,
            one.why,
            one.above_threshold,
        )
        for key in ("logit", "calibrated_logit", "score", "detection_score"):
            assert row[key] == pytest.approx(getattr(one, key), abs=1e-6)
    code, _, err = run(capsys, *command)  # everything is there: no worker starts
    assert (code, err[0]) == (1, "1 of 1 part are finished and not scored again")
