"""Run every stage with too little disk, memory, files and so on, and compare its output with that of a complete run.

    PYTHONPATH=src python benchmarks/starved.py --folder FOLDER

Makes a tiny run in the folder (`starved_run.py`), then repeats its stages, one item each, in a copy of the workspace
in a file system of its own, with one thing scarce (`starved_cells.py`). A cell is good if the stage finishes with the
same bytes, or ends with one line and an exit code other than 0, leaves no file that differs from the complete one,
and finishes with the same bytes when it is run again with enough. The second run is made once for each stage and
shortage. The kernel may also kill a stage that takes too much memory: then there is no line, and `dvc repro` reports
the signal.

Needs root on Linux, for mounts and control groups (version 1). Results are added to FOLDER/cells.jsonl, so that an
interrupted measurement is resumed; `--again` measures the bad cells once more. Prints a Markdown table.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from machine import machine
from starved_cells import Cell, Need, cells, group, jumping_clock, protect, release, remount, usage, workspace
from starved_run import WHEELS, Ran, environment, hashes, tiny_run

PROGRESS = re.compile(r".*: \d+ x \w+ in .*/s$|.*: \d+% of \d+ |.*: resuming from step \d+$")
"""Lines on standard error that tell how far a stage is."""

GOOD = ("finishes", "one line", "killed")
GROUP = f"/sys/fs/cgroup/memory/starved-{os.getpid()}"


def command(ran: Ran, cell: Cell) -> list[str]:
    """The command of a stage with what precedes it."""
    joined = f'echo $$ > "{GROUP}/cgroup.procs" && exec "$0" "$@"'
    return ["sh", "-c", joined, *cell.prefix, *ran.argv()]


def execute(ran: Ran, cell: Cell, folder: Path, seconds: float) -> tuple[int | None, str, Need]:
    """Run a stage; returns its exit code (None if it did not end in time), its standard error and what it used."""
    used = usage(folder)
    peaks = [0, 0, 0, 0]
    env = {**environment(folder), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / WHEELS), **cell.env}
    start = time.monotonic()
    with (
        group(Path(GROUP).name, cell.memory_bytes) as control,
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
    ):
        process = subprocess.Popen(
            command(ran, cell),
            cwd=folder / "work",
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        code: int | None = None
        waited, before = 0.0, start
        while code is None and waited < seconds:
            now = usage(folder)
            found = [now[0] - used[0], now[1] - used[1], resident(control), address(process.pid)]
            peaks = list(map(max, peaks, found))
            time.sleep(0.02)
            code, now_s = process.poll(), time.monotonic()
            waited, before = waited + min(now_s - before, 1.0), now_s  # all of it may have been suspended
        end(control, process)
        errors.seek(0)
        return code, errors.read(), Need(*peaks, seconds=time.monotonic() - start)


def end(control: Path, process: subprocess.Popen[bytes]) -> None:
    """End every process of a control group."""
    for pid in (control / "cgroup.procs").read_text(encoding="utf-8").split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def resident(control: Path) -> int:
    """Bytes of memory of a control group, without what the kernel can take back."""
    stat = dict(line.split() for line in (control / "memory.stat").read_text(encoding="utf-8").splitlines())
    return int(stat["total_rss"]) + int(stat.get("total_shmem", 0))


def address(pid: int) -> int:
    """The largest address space of a process, in bytes."""
    try:
        found = re.search(r"VmPeak:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def judged(ran: Ran, cell: Cell, folder: Path, code: int | None, errors: str) -> tuple[str, str]:
    """What became of a cell: one of GOOD, or a fault; and what it printed."""
    lines = [line for line in errors.splitlines() if line.strip() and not PROGRESS.match(line)]
    found = hashes(folder / "work", ran.step.outs)
    shown = " | ".join(lines[-3:]).replace(str(folder / "work"), ".").replace(str(folder), "..")
    if code is None:
        return "FAULT hangs", shown
    if code == 0:
        wrong = sorted(name for name in {*found, *ran.files} if found.get(name) != ran.files.get(name))
        return ("finishes", shown) if not wrong else ("FAULT wrong result", " ".join(wrong))
    if half := sorted(name for name in found if found[name] != ran.files.get(name)):
        return "FAULT half-written output", " ".join(half)
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL) and cell.memory_bytes:
        return "killed", shown
    if left := [path.name for path in (folder / "work").rglob("*.part")]:
        return "FAULT temporary files", " ".join(left)
    if "Traceback" in errors:
        return "FAULT traceback", shown
    if code < 0:
        return f"FAULT signal {-code}", shown
    return ("one line", shown) if len(lines) == 1 else (f"FAULT {len(lines)} lines", shown)


def measure(ran: Ran, cell: Cell, run: Path, folder: Path, limit: float, repeat: bool) -> dict[str, Any]:
    """Run a stage in one cell and, if it fails and `repeat` is true, once more with enough."""
    with workspace(folder, run, ran.step.outs):
        if cell.read_only:
            protect(folder)
        if cell.mount:
            remount(folder, cell.mount)
        if cell.jumps:
            with jumping_clock(folder) as env:
                code, errors, need = execute(ran, replace(cell, env=env), folder, limit)
        else:
            code, errors, need = execute(ran, cell, folder, limit)
        verdict, shown = judged(ran, cell, folder, code, errors)
        if verdict not in GOOD:
            (folder.parent / "faults").mkdir(exist_ok=True)
            name = f"{ran.stage} {cell.shortage} {cell.left}.txt".replace(" ", "_")
            (folder.parent / "faults" / name).write_text(f"exit code {code}\n{errors}", encoding="utf-8")
        again = ""
        if verdict != "finishes" and repeat:
            remount(folder, "rw,size=4g,nr_inodes=0")
            release(folder)
            later, errors, _ = execute(ran, Cell("again", ""), folder, limit)
            again, said = judged(ran, cell, folder, later, errors)
            shown += "" if again == "finishes" else f" || again: {said}"
    row = {"stage": ran.stage, "shortage": cell.shortage, "left": cell.left, "code": code, "verdict": verdict}
    return {**row, "again": again, "seconds": round(need.seconds, 1), "shown": shown}


def needed(ran: Ran, run: Path, folder: Path, patience_s: float) -> tuple[Need, tuple[int, int]]:
    """What a stage uses if it has enough, and bytes and inodes of its workspace; measured once and kept in a file."""
    kept = folder / "needs" / f"{ran.stage}.json"
    if not kept.exists():
        with workspace(folder / "cell", run, ran.step.outs) as used:
            _, _, need = execute(ran, Cell("enough", ""), folder / "cell", 10 * patience_s)
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps([asdict(need), used]), encoding="utf-8")
    need, used = json.loads(kept.read_text(encoding="utf-8"))
    return Need(**need), tuple(used)


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a row for each stage, a column for each shortage."""
    stages, shortages = (list(dict.fromkeys(row[key] for row in rows)) for key in ("stage", "shortage"))
    lines = ["| stage | " + " | ".join(shortages) + " |", "|---" * (len(shortages) + 1) + "|"]
    for stage in stages:
        told = []
        for shortage in shortages:
            found = Counter(row["verdict"] for row in rows if (row["stage"], row["shortage"]) == (stage, shortage))
            many = sum(found.values()) > 1
            told.append(", ".join(f"{n} {verdict}" if many else verdict for verdict, n in found.items()))
        lines.append(f"| `{stage}` | " + " | ".join(told) + " |")
    return "\n".join(lines)


def is_good(row: dict[str, Any]) -> bool:
    """Whether a cell shows no fault, also not in the run after it."""
    return row["verdict"] in GOOD and row["again"] in ("", "finishes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for the tiny run and the results")
    parser.add_argument("--stages", nargs="*", help="only these")
    parser.add_argument("--shortages", nargs="*", help="only these")
    parser.add_argument("--first", action="store_true", help="one cell of each shortage; finished cells count too")
    parser.add_argument(
        "--patience", type=float, default=60.0, help="seconds that a stage gets, besides ten times what it needs"
    )
    parser.add_argument("--again", action="store_true", help="measure bad cells again")
    arguments = parser.parse_args()
    if "STARVED_MOUNTS" not in os.environ:  # mounts of this process end with it
        os.execvpe("unshare", ["unshare", "-m", sys.executable, *sys.argv], {**os.environ, "STARVED_MOUNTS": "own"})
    folder = arguments.folder.absolute()
    run, stored = folder / "ref", folder / "cells.jsonl"
    firsts = {ran.stage: ran for ran in reversed(tiny_run(run))}
    kept = [json.loads(line) for line in stored.read_text(encoding="utf-8").splitlines()] if stored.exists() else []
    done = {(row["stage"], row["shortage"], row["left"]): row for row in kept}
    shown = {}
    for stage, ran in reversed(firsts.items()):
        if arguments.stages and stage not in arguments.stages:
            continue
        need, used = needed(ran, run, folder, arguments.patience)
        repeated, seen = set(), set()
        for cell in cells(need, used):
            key = (stage, cell.shortage, cell.left)
            if arguments.shortages and cell.shortage not in arguments.shortages:
                continue
            if key not in done and arguments.first and cell.shortage in seen:
                continue
            seen.add(cell.shortage)
            if key not in done or (arguments.again and not is_good(done[key])):
                limit = arguments.patience + 10 * need.seconds
                row = measure(ran, cell, run, folder / "cell", limit, cell.shortage not in repeated)
                found = f"{row['verdict']}, {row['again']}: {row['shown']}"
                print(f"{stage}, {cell.shortage} {cell.left}: {found}", flush=True)
                done[key] = row
                with stored.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            shown[key] = done[key]
            if done[key]["again"]:
                repeated.add(cell.shortage)
    rows = list(shown.values())
    print(machine(), table(rows), sep="\n\n")
    bad = [row for row in rows if not is_good(row)]
    print(f"\n{len(rows) - len(bad)} of {len(rows)} cells are good")
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
