"""What `starved.py` takes away from a stage, and how: each shortage prepares a workspace and wraps a command."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup/memory")
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
JUMPS = ("+0", "+400d", "-30y", "+20y", "-1h", "+1h")
"""What is added to the wall clock, in turn, while a stage runs."""

JUMP_SECONDS = 0.3


@dataclass(frozen=True)
class Need:
    """What a stage used when it had enough."""

    disk_bytes: int
    inodes: int
    resident_bytes: int
    address_bytes: int
    seconds: float


@dataclass(frozen=True)
class Cell:
    """A shortage and how much is left of what."""

    shortage: str
    left: str
    prefix: tuple[str, ...] = ()
    """What precedes the stage's command."""

    env: dict[str, str] = field(default_factory=dict)
    mount: str = ""
    """Options of the remount after the workspace is filled."""

    memory_bytes: int = 0
    read_only: bool = False
    jumps: bool = False


def _sh(script: str) -> tuple[str, ...]:
    """A shell script of one line that ends by running the stage."""
    return ("sh", "-c", f'{script} && exec "$0" "$@"')


def cells(need: Need, used: tuple[int, int]) -> Iterator[Cell]:
    """The cells of a stage.

    Args:
        need: what it uses if it has enough.
        used: bytes and inodes of its workspace before it starts.
    """
    yield Cell("enough", "")
    page = os.sysconf("SC_PAGE_SIZE")
    for share in (0.0, 0.8):
        size = used[0] + int(need.disk_bytes * share) // page * page
        yield Cell("disk full", f"{share:.0%} of the bytes it writes", mount=f"size={size}")
    for share in (0.0, 0.5):
        yield Cell("no inodes", f"{share:.0%} of its files", mount=f"nr_inodes={used[1] + int(need.inodes * share)}")
    for share in (0.4, 0.9):
        limit = int(need.address_bytes * share) // 1024
        yield Cell("address space", f"{share:.0%}", prefix=_sh(f"ulimit -v {limit}"))
    for share in (0.5, 0.9):
        yield Cell("memory", f"{share:.0%}", memory_bytes=int(need.resident_bytes * share))
    yield Cell("64 open files", "", prefix=_sh("ulimit -n 64"))
    yield Cell("read-only", "file system", mount="ro")
    yield Cell(
        "read-only", "folders", read_only=True, prefix=("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    )
    shm = "mount -t tmpfs -o ro none /dev/shm"
    yield Cell("no shared memory", "", prefix=("unshare", "-m", *_sh(shm)))
    yield Cell("one core", "", prefix=("taskset", "-c", "0"))
    if FAKETIME.exists():
        yield Cell("clock jumps", "", jumps=True)


def _ignored(folder: str, names: list[str]) -> list[str]:
    """Of scratch, only the state of the check of params is kept: caches would do the work of a stage."""
    return [name for name in names if Path(folder).name == ".scratch" and name != "checked_params"]


@contextmanager
def workspace(folder: Path, run: Path, outs: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """A copy of a finished run in a file system of its own, without the outputs of a stage and without scratch.

    Yields:
        The bytes and inodes in use.
    """
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4g", "none", str(folder)], check=True)
    try:
        shutil.copytree(run, folder, dirs_exist_ok=True, symlinks=True, ignore=_ignored)
        for out in outs:
            path = folder / "work" / out
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        yield usage(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def usage(folder: Path) -> tuple[int, int]:
    """The bytes and inodes in use in a file system."""
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize, found.f_files - found.f_ffree


def remount(folder: Path, options: str) -> None:
    """Change the options of a workspace's file system."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def protect(folder: Path) -> None:
    """Take the right to write from all folders of data, models and metrics."""
    for path in [folder / "work" / name for name in ("data", "models", "metrics")]:
        for each in [path, *(below for below in path.rglob("*") if below.is_dir())]:
            each.chmod(0o555)


def release(folder: Path) -> None:
    """Give back what `protect` took."""
    for each in [folder, *folder.rglob("*")]:
        if each.is_dir():
            each.chmod(0o755)


@contextmanager
def group(name: str, limit_bytes: int) -> Iterator[Path | None]:
    """A control group with a limit on memory; None if `limit_bytes` is 0 and no peak is to be measured."""
    folder = CGROUPS / name
    folder.mkdir(exist_ok=True)
    try:
        if limit_bytes:
            (folder / "memory.limit_in_bytes").write_text(str(limit_bytes), encoding="utf-8")
        yield folder
    finally:
        for _ in range(50):
            try:
                folder.rmdir()
                break
            except OSError:  # its last process has not quite ended
                threading.Event().wait(0.1)


@contextmanager
def jumping_clock(folder: Path) -> Iterator[dict[str, str]]:
    """An environment in which the wall clock jumps back and forth. The monotonic clock does not."""
    file, ended = folder / "tmp" / "now", threading.Event()
    file.write_text(JUMPS[0], encoding="utf-8")

    def jump() -> None:
        turn = 0
        while not ended.wait(JUMP_SECONDS):
            turn += 1
            part = file.with_name("next")
            part.write_text(JUMPS[turn % len(JUMPS)], encoding="utf-8")
            part.replace(file)

    thread = threading.Thread(target=jump, daemon=True)
    thread.start()
    try:
        yield {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
    finally:
        ended.set()
        thread.join()
