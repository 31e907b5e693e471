"""Device, threads and randomness."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from conftest import ROOT
from unseen.core import runtime
from unseen.core.files import atomic_file
from unseen.core.runtime import device, generator, prepare


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


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    with atomic_file(target) as part:
        part.write_text("half")
        assert not target.exists()
        part.write_text("whole")
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["file"]


@pytest.mark.parametrize(("cores", "idle"), [(1, False), (2, False), (3, True)])
def test_a_core_is_idle_if_the_network_uses_fewer(monkeypatch: pytest.MonkeyPatch, cores: int, idle: bool) -> None:
    monkeypatch.setenv("UNSEEN_DEVICE", "cpu")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr("unseen.core.prefetch.os.sched_getaffinity", lambda _: set(range(cores)))
    assert runtime.has_idle_core() is idle
    monkeypatch.setattr(runtime, "device", lambda: torch.device("cuda"))
    assert runtime.has_idle_core(), "a GPU leaves the cores idle"
