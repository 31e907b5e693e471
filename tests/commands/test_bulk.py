"""`unseen bulk` before Ray starts: what is refused, each in one line. `serve/bulk/test_run.py` runs jobs."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from commands.program import run
from serve.test_predict import artifact  # noqa: F401
from unseen.serve.bulk import cluster

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: pip install -e '.[bulk]'")


@needs_ray
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("gone", "out"), "gone: not found; give a folder of pictures"),
        (("in", "in"), "in: contains other files, such as a.jpg; give an empty folder"),
        (("in", "out", "--time-limit", "0"), "--time-limit 0: give a number above 0"),
        (("in", "out", "--detector", "gone"), "gone: not found; give a detector's folder"),
    ],
)
def test_what_is_refused(
    artifact: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"x")
    code, out, err = run(capsys, "bulk", "--detector", artifact, *arguments)
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith(f"unseen: {says}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("option", "value"), [("--workers", "0"), ("--batch", "x"), ("--gpus-per-worker", "-1")])
def test_numbers_are_checked(capsys: pytest.CaptureFixture[str], option: str, value: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(capsys, "bulk", "in", "out", "--detector", "d", option, value)
    assert ended.value.code == 2
    assert "give a" in capsys.readouterr().err


def test_without_ray(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    code, _, err = run(capsys, "bulk", "in", "out", "--detector", "d")
    assert code == 2
    assert err[0].startswith("unseen: `unseen bulk` needs Ray: pip install")
