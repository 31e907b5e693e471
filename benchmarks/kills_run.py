"""Runs of a project for `kills.py`: start `dvc repro`, kill it, compare what is there."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from unseen.core.files import sha256_of
from unseen.report.volatile import is_volatile

PATIENCE_S = 1800.0
RUNNING = re.compile(r"^Running stage '([^']+)'", re.MULTILINE)


def lock_of(folder: Path) -> dict[str, Any]:
    """The stages of a project's dvc.lock by name; empty if there is none."""
    file = folder / "dvc.lock"
    found: dict[str, Any] | None = None
    if file.exists():  # empty if DVC was killed while it wrote
        found = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return (found or {}).get("stages", {})


def outputs(stage: dict[str, Any]) -> list[str]:
    """Paths of a stage's outputs, from its entry in dvc.lock."""
    return [out["path"] for out in stage.get("outs", [])]


def output_bytes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of each output in the workspace, by its path."""
    found = {}
    for stage in lock_of(folder).values():
        for out in outputs(stage):
            path = folder / out
            for file in [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file()):
                name = file.relative_to(folder).as_posix()
                if not is_volatile(name):
                    found[name] = sha256_of(file)
    return found


def output_hashes(folder: Path) -> dict[str, str]:
    """The hash of each output in dvc.lock, by its path."""
    every = [out for stage in lock_of(folder).values() for out in stage.get("outs", [])]
    return {out["path"]: out["md5"] for out in every if not is_volatile(out["path"])}


@dataclass
class Project:
    """A project on disk. `durations` and `bytes` are those of an unbroken run in it."""

    folder: Path
    env: dict[str, str]
    port: int = 0
    durations: dict[str, float] = field(default_factory=dict)
    bytes: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """The output of all runs."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def readers(self, stage: str) -> set[str]:
        """The stages that read what a stage writes, directly or not, by the paths in dvc.lock."""
        lock = lock_of(self.folder)
        found, new = set(), {stage}
        while new:
            written = [f"{out}/" for name in new for out in outputs(lock[name])]
            found |= new
            new = {
                name
                for name, other in lock.items()
                for dep in other.get("deps", [])
                if any(f"{dep['path']}/".startswith(out) or out.startswith(f"{dep['path']}/") for out in written)
            } - found
        return found - {stage}

    def copy(self, folder: Path) -> "Project":
        """A copy without checkpoints, with locks and states of DVC of its own. Its cache has hard links."""
        nothing = shutil.ignore_patterns(".scratch", "cache", "__pycache__")
        shutil.copytree(self.folder, folder, symlinks=True, ignore=nothing)
        shutil.copytree(self.folder / ".dvc/cache", folder / ".dvc/cache", copy_function=os.link)
        shutil.rmtree(folder / ".dvc/tmp", ignore_errors=True)
        return self._moved(folder)

    def _moved(self, folder: Path) -> "Project":
        site = folder.with_name(f"{folder.name}.site")
        shutil.rmtree(site, ignore_errors=True)
        moved = Project(folder, {**self.env, "DVC_SITE_CACHE_DIR": str(site)}, self.port)
        moved.log.unlink(missing_ok=True)
        return moved

    def without(self, stage: str, folder: Path, all_after: bool = False) -> "Project":
        """A copy in which a stage has not run: its outputs, its entry in dvc.lock and its runs are nowhere.

        Args:
            stage: the name in dvc.lock.
            folder: of the copy.
            all_after: the stages that read its outputs have not run either. Otherwise DVC skips those whose inputs
                have the same bytes again.
        """
        copied = self.copy(folder)
        lock = lock_of(folder)
        gone = {stage} | (self.readers(stage) if all_after else set())
        for name in gone:
            for out in lock[name].get("outs", []):
                _remove(folder / out["path"])
                _remove_cached(folder / ".dvc/cache/files/md5", out)
        commands = {lock[name]["cmd"] for name in gone}
        for run in (folder / ".dvc/cache/runs").glob("*/*/*"):
            if yaml.load(run.read_text(encoding="utf-8"), yaml.CSafeLoader)["cmd"] in commands:
                run.unlink()
                run.parent.rmdir()
        kept = {name: entry for name, entry in lock.items() if name not in gone}
        (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": kept}), encoding="utf-8")
        return copied

    def empty(self, folder: Path) -> "Project":
        """A copy in which nothing has run."""
        subprocess.run(["git", "clone", "--quiet", str(self.folder), str(folder)], check=True)
        return self._moved(folder)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_cached(cache: Path, out: dict[str, Any]) -> None:
    """Remove an output's object from the cache, and those of its files if it is a folder."""
    file = cache / out["md5"][:2] / out["md5"][2:]
    if out["md5"].endswith(".dir") and file.exists():
        for entry in yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader):
            (cache / entry["md5"][:2] / entry["md5"][2:]).unlink(missing_ok=True)
    file.unlink(missing_ok=True)


def differing(reference: Project, project: Project, found: dict[str, str]) -> list[str]:
    """Paths whose bytes in the workspace, or hash in dvc.lock, are not those of the unbroken run."""
    pairs = [(reference.bytes, found), (output_hashes(reference.folder), output_hashes(project.folder))]
    return sorted({name for here, there in pairs for name in {*here, *there} if here.get(name) != there.get(name)})


class Run:
    """A running `dvc repro`, in a process group of its own."""

    def __init__(self, project: Project, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.project = project
        self._begin = project.log.stat().st_size if project.log.exists() else 0
        with project.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["dvc", "repro", *arguments],
                cwd=project.folder,
                env={**project.env, **(env or {})},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        with self.project.log.open("rb") as log:
            log.seek(self._begin)
            return log.read().decode(errors="replace")

    def stages(self) -> list[str]:
        """The stages that have begun."""
        return RUNNING.findall(self.printed)

    def resumed(self) -> list[str]:
        """What it says about work of an earlier run that it did not do again."""
        return sorted(
            {" ".join(found.split()) for found in re.findall(r"resum\w* (?:from|after) [\w ]*\d+", self.printed)}
        )

    def repaired(self) -> bool:
        """Whether `unseen doctor --cache --repair` finds and repairs a damage in the project."""
        command = ["unseen", "doctor", "--cache", "--repair"]
        done = subprocess.run(
            command, cwd=self.project.folder, env=self.project.env, capture_output=True, encoding="utf-8"
        )
        return done.returncode == 0 and "damaged, " in done.stdout

    def errors(self) -> str:
        """How it ended, as a user sees it: its last two lines but DVC's hints, and whether there is a traceback."""
        lines = [line for line in self.printed.replace("\r", "\n").splitlines() if line.strip()]
        others = (">", "[", "Running stage", "\t", "Stage '")
        shown = [line for line in lines if not line.startswith(others)][-2:]
        return " / ".join((["TRACEBACK"] if "Traceback" in self.printed else []) + shown)[:200]

    def wait_for(self, stage: str) -> None:
        """Wait until a stage begins; with an empty name, return immediately.

        Raises:
            RuntimeError: the run ended before.
        """
        end = time.monotonic() + PATIENCE_S
        while stage and stage not in self.stages():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"`dvc repro` did not come to {stage}:\n{self.printed[-2000:]}")
            time.sleep(0.05)

    def killed(self, after_s: float, how: str = "SIGKILL") -> str:
        """Wait, end the run, and say in which stage it was.

        Args:
            after_s: seconds to wait.
            how: `SIGKILL` ends every process, as if the machine lost power. `SIGTERM` and `SIGINT` are sent to the
                process group, as a scheduler and Ctrl-C do.
        """
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(after_s)
        if self.process.poll() is not None:
            return f"ended ({self.process.returncode})"
        was_in = (self.stages() or ["no stage"])[-1]
        if how == "SIGKILL":
            kill_all(self.process.pid)
        else:
            every = psutil.Process(self.process.pid).children(recursive=True)
            os.killpg(self.process.pid, getattr(signal, how))
            psutil.wait_procs(every, PATIENCE_S)  # a stage may write a checkpoint
        self.process.wait()
        return was_in

    def finished(self) -> int:
        """The exit code."""
        return self.process.wait(PATIENCE_S)


def kill_all(pid: int) -> None:
    """Kill a process and all that it started, also those in other process groups."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.suspend()  # so that it starts nothing meanwhile
        every = [process, *process.children(recursive=True)]
        for one in every:
            with suppress(psutil.NoSuchProcess):
                one.kill()


def unbroken(work: Path) -> Project:
    """The project below `work` after an unbroken run; it is built and run if it is not there."""
    from kills_project import build, environment, serving_slowly

    notes = work / "unbroken.json"
    if not notes.exists():
        work.mkdir(parents=True, exist_ok=True)
        (work / "slow.zip").touch()
        with serving_slowly(work / "slow.zip") as port:
            project = Project(build(work, port), environment(work), port)
            times, begin = {}, time.monotonic()
            run = Run(project)
            while run.process.poll() is None:
                for name in run.stages():
                    times.setdefault(name, time.monotonic() - begin)
                time.sleep(0.1)
            if run.process.returncode:
                raise SystemExit(run.printed[-2000:])
        ends = [*list(times.values())[1:], time.monotonic() - begin]
        durations = {name: end - start for (name, start), end in zip(times.items(), ends, strict=True)}
        notes.write_text(json.dumps({"port": port, "durations": durations}), encoding="utf-8")
    stored = json.loads(notes.read_text(encoding="utf-8"))
    project = Project(work / "project", environment(work), stored["port"], stored["durations"])
    project.bytes = output_bytes(project.folder)
    return project
