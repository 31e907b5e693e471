"""Other faults than kills: flipped bits, two runs at once, a damaged DVC cache, a machine that reboots.

    PYTHONPATH=src python benchmarks/kills_faults.py --work FOLDER

FOLDER is that of `kills.py --work`, with its unbroken run. Prints a row for each trial: what was done, what the next
`dvc repro` said, what repaired it, and how many files ended with the bytes of the unbroken run.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from kills_project import ROOT, checkout, serving_slowly
from kills_run import Project, Run, differing, output_bytes, unbroken
from machine import machine

from unseen.core.json_files import write_json

WITH_CHECKPOINTS = (
    *("download@slow", "faces@orl", "train_gan@dcgan", "train_detector@discriminator", "captions@blip"),
    *("train_autoencoder@small", "diffuse@sd_fakes"),
)
YOUNG_S = 35.0
"""Linux writes changed pages after 30 s, by a thread that wakes each 5 s."""

FLUSHED = """\
import os

def _noting(flush):
    def noting(handle):
        flush(handle)
        found = os.stat(handle)
        with open(os.environ["KILLS_FLUSHED"], "a") as log:
            log.write(f"{found.st_ino} {found.st_mtime_ns}\\n")
    return noting

os.fsync, os.fdatasync = _noting(os.fsync), _noting(os.fdatasync)
"""
"""A `sitecustomize` that notes which files were flushed to the disk."""


@dataclass
class Fault:
    """What one trial did and found."""

    done: str
    said: str
    repaired: str
    files: int
    differing: list[str]

    def row(self) -> str:
        """A row of the printed table."""
        same = f"{self.files - len(self.differing)} of {self.files}"
        return (
            f"| {self.done} | {self.said or '-'} | {self.repaired or '-'} | {same} | {' '.join(self.differing[:9])}"
        )


HEAD = "| done | said | repaired by | same bytes |\n|---|---|---|---:|"


def _last_line(run: Run) -> str:
    """The last error that a run printed."""
    lines = [line for line in run.printed.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR") or "validation failed" in line]
    return (errors or lines or ["nothing"])[-1].replace(str(run.project.folder), "")[:150]


def _ended(done: str, said: str, repaired: str, reference: Project, project: Project) -> Fault:
    wrong = differing(reference, project, output_bytes(project.folder))
    return Fault(done, said, repaired, len(reference.bytes), wrong)


def flip(file: Path, moments: random.Random) -> None:
    """Flip one bit of a file."""
    content = bytearray(file.read_bytes())
    if content:
        content[moments.randrange(len(content))] ^= 1 << moments.randrange(8)
        file.write_bytes(content)


def flipped_checkpoint(reference: Project, folder: Path, stage: str, moments: random.Random) -> Fault:
    """Kill a stage late, flip a bit in each of its checkpoints, and finish the run."""
    project = reference.without(stage, folder)
    run = Run(project)
    run.wait_for(stage)
    run.killed(moments.uniform(0.6, 0.95) * reference.durations[stage])
    skipped = ("matplotlib", "checked_params")
    files = [
        file
        for file in sorted(folder.glob(".scratch/**/*"))
        if file.is_file() and file.relative_to(folder / ".scratch").parts[0] not in skipped and file.suffix != ".part"
    ]
    for file in files:
        flip(file, moments)
    last = Run(project)
    last.finished()
    said = [line for line in last.printed.splitlines() if "damaged" in line]
    done = f"{stage} killed, a bit flipped in each of {len(files)} files"
    return _ended(done, f"damaged: {len(said)} lines", "", reference, project)


def two_at_once(reference: Project, folder: Path, stage: str, only_dvc: bool) -> Fault:
    """Start a second `dvc repro` while a stage runs, or after DVC alone was killed and its stage goes on."""
    project = reference.without(stage, folder)
    first = Run(project)
    first.wait_for(stage)
    time.sleep(reference.durations[stage] / 2)
    if only_dvc:
        first.process.kill()
        first.process.wait()
    second = Run(project)
    code = second.finished()
    said = "" if code == 0 else _last_line(second)
    first.finished()
    last = Run(project)
    last.finished()
    done = (
        f"{stage}: DVC alone killed, then `dvc repro`" if only_dvc else f"{stage}: a second `dvc repro` while it runs"
    )
    return _ended(done, said, "", reference, project)


def doctor(project: Project, *arguments: str) -> list[str]:
    """The lines of `unseen doctor --cache`."""
    command = [sys.executable, "-m", "unseen.cli", "doctor", "--cache", *arguments]
    env = {**project.env, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        command, cwd=project.folder, env=env, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    return (done.stdout + done.stderr).splitlines()


def damaged_cache(reference: Project, folder: Path, cut: bool, moments: random.Random) -> list[Fault]:
    """Damage a tenth of the cache and remove the workspace's outputs, as for another clone or other params."""
    project = reference.copy(folder)
    objects = [file for file in sorted((folder / ".dvc/cache/files/md5").glob("??/*")) if file.suffix != ".dir"]
    damaged = moments.sample(objects, len(objects) // 10)
    for file in damaged:
        content = file.read_bytes()
        file.unlink()  # it is a hard link
        file.write_bytes(content)
        if cut:
            os.truncate(file, 0)
        else:
            flip(file, moments)
        file.chmod(0o444)
    for name in reference.bytes:
        if name.startswith(("data/", "models/")):
            (folder / name).unlink(missing_ok=True)
    how = "cut to 0 bytes" if cut else "with a flipped bit"
    first = Run(project)
    code = first.finished()
    said = "up to date" if code == 0 else _last_line(first)
    found = [_ended(f"{len(damaged)} of {len(objects)} objects {how}", said, "", reference, project)]
    lines = doctor(project, "--repair")
    last = Run(project)
    last.finished()
    after = doctor(project)[-1]
    repaired = f"`unseen doctor --cache --repair` ({len(lines) - 1} lines), `dvc repro`"
    return [*found, _ended("", after, repaired, reference, project)]


def cut_unflushed(folder: Path, began_ns: int, log: Path, moments: random.Random) -> list[str]:
    """Cut half of the young files to zero that were not flushed since their last write.

    Args:
        folder: of the project.
        began_ns: when its first run began; older files are part of the checkout.
        log: what `FLUSHED` noted.
        moments: chooses.
    """
    flushed = set(log.read_text(encoding="utf-8").splitlines()) if log.exists() else set()
    cut = []
    for name in (".dvc", ".scratch", "data", "models", "metrics", "checksums", "dvc.lock"):
        path = folder / name
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            found = file.lstat()
            young = found.st_mtime_ns > max(began_ns, time.time_ns() - YOUNG_S * 1e9)
            if not file.is_file() or file.is_symlink() or not found.st_size or not young:
                continue
            if f"{found.st_ino} {found.st_mtime_ns}" not in flushed and moments.random() < 0.5:
                os.truncate(file, 0)
                os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
                cut.append(file.relative_to(folder).as_posix())
    return cut


def reboots(reference: Project, work: Path, until: str, times: int, moments: random.Random) -> list[Fault]:
    """Run up to the stage `until` from nothing in a machine that reboots at random moments.

    What DVC refuses to read is repaired as the docs say.
    """
    folder, log = work / "rebooted/project", work / "rebooted/flushed"
    shutil.rmtree(work / "rebooted", ignore_errors=True)
    (work / "rebooted/site").mkdir(parents=True)
    (work / "rebooted/site/sitecustomize.py").write_text(FLUSHED, encoding="utf-8")
    checkout(folder, (reference.folder / "params.yaml").read_text(encoding="utf-8"))
    project = Project(folder, {**reference.env, "DVC_SITE_CACHE_DIR": str(work / "rebooted/states")}, reference.port)
    noting = {"PYTHONPATH": str(work / "rebooted/site"), "KILLS_FLUSHED": str(log)}
    began = time.time_ns()
    total = sum(list(reference.durations.values())[: list(reference.durations).index(until) + 1])
    rows: list[Fault] = []
    done = 0
    while done < times and len(rows) < 3 * times:  # no end if an error comes back
        run = Run(project, until, env=noting)
        while not run.stages() and run.process.poll() is None:
            time.sleep(0.05)
        was_in = run.killed(moments.uniform(0, 2 * total / times))
        if not was_in.startswith("ended"):
            done += 1
            cut = cut_unflushed(folder, began, log, moments)
            said, repaired = f"{len(cut)} files cut", ""
        elif run.process.returncode:
            said, repaired = _last_line(run), "`unseen doctor --cache --repair`"
            if any(line.startswith("dvc.lock: damaged") for line in doctor(project, "--repair")):
                (folder / "dvc.lock").unlink()
                doctor(project, "--repair")
                repaired = f"dvc.lock deleted, {repaired}"
        else:
            break
        rows.append(Fault(f"reboot {done} in {was_in}", said, repaired, 0, []))
        print(rows[-1].row(), flush=True)
    last = Run(project, until)
    code = last.finished()
    rows.append(_partly(reference, project, "the run ends", "" if code == 0 else _last_line(last), ""))
    damaged = doctor(project, "--repair")
    last = Run(project, until)
    last.finished()
    words = f"`unseen doctor --cache --repair` ({len(damaged) - 1} lines)"
    rows.append(_partly(reference, project, "", doctor(project)[-1], words))
    return rows


def _partly(reference: Project, project: Project, done: str, said: str, repaired: str) -> Fault:
    """Compare those files that the project has."""
    found = output_bytes(project.folder)
    wrong = [name for name in found if found[name] != reference.bytes.get(name)]
    return Fault(done, said, repaired, len(found), wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of `kills.py --work`")
    parser.add_argument("--only", nargs="*", default=["flips", "two", "cache", "reboots"])
    parser.add_argument("--reboots", type=int, default=10)
    parser.add_argument(
        "--until", default="generate@dcgan_fakes", help="the stage that a rebooting machine runs up to"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON file for the result")
    arguments = parser.parse_args()
    moments, work = random.Random(arguments.seed), arguments.work.resolve()
    reference, folder = unbroken(work), work / "fault"
    print(f"{machine()}\n{HEAD}", flush=True)
    faults: list[Fault] = []

    def add(*found: Fault) -> None:
        faults.extend(found)
        for one in found:
            print(one.row(), flush=True)
        shutil.rmtree(folder, ignore_errors=True)

    with serving_slowly(work / "slow.zip", reference.port):
        if "flips" in arguments.only:
            for stage in WITH_CHECKPOINTS:
                add(flipped_checkpoint(reference, folder, stage, moments))
        if "two" in arguments.only:
            for stage in ("train_gan@dcgan", "diffuse@sd_fakes"):
                for only_dvc in (False, True):
                    add(two_at_once(reference, folder, stage, only_dvc))
        if "cache" in arguments.only:
            for cut in (True, False):
                add(*damaged_cache(reference, folder, cut, moments))
        if "reboots" in arguments.only:
            add(*reboots(reference, work, arguments.until, arguments.reboots, moments)[-2:])
    if arguments.out:
        write_json(arguments.out, {"machine": machine(), "faults": [asdict(one) for one in faults]})


if __name__ == "__main__":
    main()
