"""Randomness, scratch and progress."""

import io
import os
import platform
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from conftest import ROOT
from unseen.core import runtime
from unseen.core.code import own_code
from unseen.core.errors import UserError
from unseen.core.files import atomic_file
from unseen.core.progress import progress
from unseen.core.runtime import Scratch, Stop, device, generator, prepare


def test_a_generator_depends_on_its_parts_alone() -> None:
    first = torch.rand(5, generator=generator(4, "batch", 7))
    torch.manual_seed(99)
    torch.rand(3, generator=generator(4, "batch", 6))
    assert torch.equal(torch.rand(5, generator=generator(4, "batch", 7)), first)
    for parts in [(5, "batch", 7), (4, "other", 7), (4, "batch", 8), (4, "batch"), (4, "batch7"), ("4b", "atch", 7)]:
        assert not torch.equal(torch.rand(5, generator=generator(*parts)), first)


def test_a_generator_leaves_the_global_one_alone() -> None:
    state = torch.get_rng_state()
    generator(1, 2, 3)
    assert torch.equal(torch.get_rng_state(), state)


def test_generators_of_neighbouring_steps_are_not_related() -> None:
    draws = torch.stack([torch.rand(50, generator=generator(4, "step", step)) for step in range(200)])
    assert abs(draws.mean().item() - 0.5) < 0.01
    away = torch.corrcoef(draws) - torch.eye(200)
    assert away.abs().max() < 0.7
    assert away.std().item() == pytest.approx(50**-0.5, rel=0.1)


def test_device_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("UNSEEN_DEVICE", "cuda")
    assert device() == torch.device("cuda")
    monkeypatch.setenv("UNSEEN_DEVICE", "cpu")
    assert prepare() == torch.device("cpu")


def test_threads_do_not_depend_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSEEN_THREADS", raising=False)
    prepare()
    assert torch.get_num_threads() == runtime.DEFAULT_THREADS
    monkeypatch.setenv("UNSEEN_THREADS", "1")
    prepare()
    assert torch.get_num_threads() == 1


PAGES = 2**14
FAULTS_OF_THE_LAST_TENSOR = f"""
import mmap, resource, torch, unseen.core.runtime
for first in (int, unseen.core.runtime.prepare):
    first()
    for _ in range(30):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones({PAGES} * mmap.PAGESIZE, dtype=torch.uint8)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""Prints the page faults of a tensor before and after `prepare`."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's way to keep memory")
def test_freed_memory_is_reused_unless_that_is_turned_off() -> None:
    def faults(**variables: str) -> list[int]:
        env = {"PYTHONPATH": str(ROOT / "src"), "UNSEEN_DEVICE": "cpu", **variables}
        printed = subprocess.check_output([sys.executable, "-c", FAULTS_OF_THE_LAST_TENSOR], env=env)
        return [int(line) for line in printed.split()]

    before, after = faults()
    assert before > 0.9 * PAGES, "glibc keeps it by itself: prepare() need not ask"
    assert after < 0.1 * PAGES
    assert faults(UNSEEN_MEMORY_TUNING="0")[1] > 0.9 * PAGES


def test_new_tensors_are_filled_only_where_tuning_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSEEN_MEMORY_TUNING", raising=False)
    prepare()
    assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    monkeypatch.setenv("UNSEEN_MEMORY_TUNING", "0")
    monkeypatch.setattr(runtime, "keep_memory", lambda: None)
    prepare()
    assert torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    monkeypatch.delenv("UNSEEN_MEMORY_TUNING")
    prepare()


def test_a_cpu_repeats_itself_and_a_gpu_does_where_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSEEN_DETERMINISTIC", raising=False)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for name, asked, repeats in (("cpu", "", True), ("cuda", "", False), ("cuda", "1", True), ("cpu", "1", True)):
        monkeypatch.setenv("UNSEEN_DEVICE", name)
        monkeypatch.setenv("UNSEEN_DETERMINISTIC", asked)
        assert prepare() == torch.device(name)
        assert torch.are_deterministic_algorithms_enabled() == repeats
        assert torch.backends.cudnn.benchmark != repeats
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_a_stop_only_asks_and_puts_the_old_handler_back() -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        with Stop() as stop:
            assert not stop.asked
            signal.raise_signal(signal.SIGTERM)
            assert stop.asked
            assert received == []
        signal.raise_signal(signal.SIGTERM)
        assert received == [signal.SIGTERM]
        with pytest.raises(ValueError, match="broken"), Stop():
            raise ValueError("broken")
        signal.raise_signal(signal.SIGTERM)
        assert len(received) == 2, "also after an error"
        with Stop() as again:
            assert not again.asked, "a new one has not been asked"
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_second_interrupt_ends_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    went_on = []

    def work() -> None:
        with Stop() as stop:
            signal.raise_signal(signal.SIGINT)
            assert stop.asked
            assert "Ctrl-C again ends without a checkpoint" in capfd.readouterr().err
            signal.raise_signal(signal.SIGTERM)
            went_on.append("after SIGTERM, which is no second Ctrl-C")
            signal.raise_signal(signal.SIGINT)
            went_on.append("after the second")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert went_on == ["after SIGTERM, which is no second Ctrl-C"]
    assert signal.getsignal(signal.SIGINT) == before


def test_an_interrupt_after_the_last_step_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt), Stop():
        signal.raise_signal(signal.SIGINT)
    with Stop():
        signal.raise_signal(signal.SIGTERM)  # its sender wants the machine, and the work is done

    def broken() -> None:
        with Stop():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        broken()


def test_torchrun_hands_an_interrupt_on_and_it_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")

    def work() -> None:
        with Stop() as stop:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise stop.error("step 1 of 2")

    with pytest.raises(UserError) as error:
        work()
    assert error.value.exit_code == 130


def test_a_stop_in_another_thread_leaves_signals_alone() -> None:
    """Only the main thread may have a handler."""
    asked: list[bool] = []

    def work() -> None:
        with Stop() as stop:
            asked.append(stop.asked)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [False]
    assert signal.getsignal(signal.SIGTERM) == before


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
    monkeypatch.setattr(runtime, "own_code", lambda: {**own_code(), "unseen.core.runtime": "0" * 64})
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
    for scratch in (mine, other):
        scratch.save({"step": 1})
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
    monkeypatch.setattr("unseen.core.runtime.time.monotonic", lambda: now[0])
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "10")
    scratch = Scratch(tmp_path, "gan", 1)

    def slow(state: dict[str, int], file: io.BytesIO) -> None:
        now[0] += 4.0

    monkeypatch.setattr("unseen.core.runtime.torch.save", slow)
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
        patch.setattr("unseen.core.runtime.read_sealed", refused)
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


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    with atomic_file(target) as part:
        part.write_text("half")
        assert not target.exists()
        part.write_text("whole")
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["file"]


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


@pytest.mark.parametrize(("cores", "idle"), [(1, False), (2, False), (3, True)])
def test_a_core_is_idle_if_the_network_uses_fewer(monkeypatch: pytest.MonkeyPatch, cores: int, idle: bool) -> None:
    monkeypatch.setenv("UNSEEN_DEVICE", "cpu")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr("unseen.core.prefetch.os.sched_getaffinity", lambda _: set(range(cores)))
    assert runtime.has_idle_core() is idle
    monkeypatch.setattr(runtime, "device", lambda: torch.device("cuda"))
    assert runtime.has_idle_core(), "a GPU leaves the cores idle"
