"""Lines of progress."""

import io

import pytest

from unseen.core.progress import progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_passes_on_and_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(iter("abc"), "faces orl", "picture")) == ["a", "b", "c"]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert printed.err.startswith("faces orl: 3 x picture in ")


def test_progress_prints_a_line_every_half_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("unseen.core.progress.time.monotonic", lambda: now[0])
    for _ in progress(range(4), "detector", "step", 10, 2):
        now[0] += 20
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["detector: 4 of 10 x step, 0.1/s", "detector: 6 of 10 x step, 0.1/s", lines[-1]]
    assert lines[-1].startswith("detector: 4 x step in 80.0 s")


def test_progress_is_lazy(capsys: pytest.CaptureFixture[str]) -> None:
    taken: list[int] = []
    items = progress((taken.append(i) or i for i in range(5)), "t", "u")
    assert next(items) == 0
    assert taken == [0]


def test_progress_is_quiet_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("CI", "true")
    list(progress(range(3), "t", "u", 3))
    assert len(terminal.getvalue().splitlines()) == 1
    monkeypatch.delenv("CI")
    shown = _Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    list(progress(range(3), "t", "u", 3))
    assert "100%" in shown.getvalue()


def test_progress_counts_only_this_run(capsys: pytest.CaptureFixture[str]) -> None:
    list(progress(range(7, 10), "gan", "step", 10, 7))
    assert "gan: 3 x step" in capsys.readouterr().err


def test_progress_counts_what_an_item_stands_for(capsys: pytest.CaptureFixture[str]) -> None:
    list(progress(range(3), "gan", "image", 24, 0, 8))
    assert "gan: 24 x image" in capsys.readouterr().err
