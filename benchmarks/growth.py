"""What a run costs as data grow: time, CPU time and peak memory of each stage, and DVC's own share.

    PYTHONPATH=src python benchmarks/growth.py PHOTOS --counts 2000 20000 100000 --folder /tmp/growth
    PYTHONPATH=src python benchmarks/growth.py PHOTOS --folder /tmp/growth --table

PHOTOS is a folder, or an archive, of photos of faces. For each count, as many pictures are made of them
(`growth_faces.py`: `--side` pixels, half of them as fakes), and all stages run on them by one `dvc repro` in a
project of its own in the folder: two detectors, one of them a network with a fixed number of steps. Results are added
to FOLDER/growth.json, and the projects but the first are removed at the end.

With `--stored`, crops are written as `faces` writes them, without a face detector, and all other stages run on these:
most of the time of 100,000 pictures is the face detector's. Their rows are distinct, with few different crops.

Seconds include what other programs do on the machine at the same time; CPU seconds hardly do, and are of the stage
with its child processes. Peak memory is of the largest single process. DVC's share is the time of `dvc repro` less
that of the stages' processes.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from growth_faces import photos, stored_rows, write_archive
from growth_params import PARAMS
from growth_table import table
from kills_project import checkout
from machine import machine

from unseen.core.json_files import read_json, write_json, write_metrics
from unseen.data.set_writer import write_set
from unseen.data.splits import SplitSettings

PYTHON = """#!{python} -IS
import json, os, sys, time
start, number = time.time(), os.posix_spawn({python!r}, [{python!r}, *sys.argv[1:]], os.environ)
_, status, used = os.wait4(number, 0)
ran = {{"argv": sys.argv[1:], "start": start, "end": time.time(), "peak_mb": used.ru_maxrss * 1024 / 1e6}}
ran["cpu"] = used.ru_utime + used.ru_stime
with open({log!r}, "a") as log:
    log.write(json.dumps(ran) + "\\n")
sys.exit(os.waitstatus_to_exitcode(status) and 1)
"""
"""A `python` that comes first on the path, and records what each stage has used."""


def environment(folder: Path) -> dict[str, str]:
    """The variables of a run, with the `python` that records."""
    script = folder / "bin/python"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(PYTHON.format(python=sys.executable, log=str(folder / "log")), encoding="utf-8")
    script.chmod(0o755)
    tools = [str(script.parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "PATH": os.pathsep.join(tools), "DVC_SITE_CACHE_DIR": str(folder / "site")}


def used(command: list[str], folder: Path, env: dict[str, str]) -> dict[str, float]:
    """Seconds and CPU seconds of a command that must succeed, with its child processes."""
    start = time.time()
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed with exit code {process.returncode}")
    return {"start": start, "seconds": time.time() - start, "cpu": usage.ru_utime + usage.ru_stime}


def store(project: Path, count: int, photos_of: Path, env: dict[str, str]) -> float:
    """Write the sets of faces in place of the stage `faces`; returns the seconds that DVC needs to store them."""
    used(["dvc", "repro", "folder@growth", "packaged"], project, env)
    pictures, splits = photos(photos_of), SplitSettings.model_validate(PARAMS["split"])
    for name, source in PARAMS["sources"].items():
        fake = source["label"] == "fake"
        rows = stored_rows(name, fake, count // 2, pictures, splits)
        counts = write_set(project / "data/faces" / source["group"] / name, name, "train", int(fake), rows)
        write_metrics(project / f"metrics/faces/{name}.json", counts)
    return used(["dvc", "commit", "--force", *(f"faces@{name}" for name in PARAMS["sources"])], project, env)[
        "seconds"
    ]


def measured(count: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Make the pictures and run everything on them."""
    folder = arguments.folder / str(count)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    archive = folder / "pictures.zip"
    write_archive(arguments.photos, 200 if arguments.stored else count, arguments.side, archive)
    params = {**PARAMS, "folders": {"growth": {"path": str(archive)}}}
    project, env = checkout(folder / "project", yaml.safe_dump(params, sort_keys=False)), environment(folder)
    stored = store(project, count, arguments.photos, env) if arguments.stored else None
    (folder / "log").unlink(missing_ok=True)
    whole = used(["dvc", "repro"], project, env)
    ran = [json.loads(line) for line in (folder / "log").read_text(encoding="utf-8").splitlines()]
    stages = {
        " ".join([Path(one["argv"][0]).stem, *one["argv"][1:]]): {
            "seconds": one["end"] - one["start"],
            "cpu": one["cpu"],
            "peak_mb": one["peak_mb"],
            # from the end of this stage to the start of the next one
            "dvc": after - one["end"],
        }
        for one, after in zip(
            ran, [*(next_one["start"] for next_one in ran[1:]), whole["start"] + whole["seconds"]], strict=True
        )
    }
    again = [used(["dvc", "repro"], project, env)["seconds"] for _ in range(arguments.repeats)]
    return {
        "count": count,
        "side": arguments.side,
        "machine": machine(),
        "load": os.getloadavg()[0],
        "dvc_commit": stored,
        "kept": {name: read_json(project / f"metrics/faces/{name}.json")["kept"] for name in PARAMS["sources"]},
        "evaluated": read_json(project / "metrics/evaluation_sets.json"),
        "stages": stages,
        "dvc_seconds": whole["seconds"] - sum(one["seconds"] for one in stages.values()),
        "dvc_cpu": whole["cpu"] - sum(one["cpu"] for one in stages.values()),
        "no_op": statistics.median(again),
        **{f"{page}_mb": (project / f"metrics/{page}.html").stat().st_size / 1e6 for page in ("report", "data")},
    }


def status_beside(count: int, first: int, arguments: argparse.Namespace) -> list[float]:
    """Medians of the seconds of `dvc status` in two projects, in turns, so that other work affects both."""
    seconds: list[list[float]] = []
    for _ in range(arguments.repeats):
        folders = (arguments.folder / str(one) for one in (count, first))
        seconds.append([used(["dvc", "status"], one / "project", environment(one))["seconds"] for one in folders])
    return [statistics.median(column) for column in zip(*seconds, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[2000, 20000, 100000])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--side", type=int, default=128, help="pixels of a picture's side")
    parser.add_argument("--repeats", type=int, default=5, help="of `dvc status` and of a `dvc repro` without changes")
    parser.add_argument("--stored", action="store_true", help="write crops directly, without the stage `faces`")
    parser.add_argument("--table", action="store_true", help="print the table of earlier results")
    arguments = parser.parse_args()
    arguments.photos, arguments.folder = arguments.photos.resolve(), arguments.folder.resolve()
    file = arguments.folder / "growth.json"
    results: list[dict[str, Any]] = read_json(file) if file.is_file() else []
    for count in () if arguments.table else arguments.counts:
        found = measured(count, arguments)
        first = results[0]["count"] if results else count
        found["status"] = status_beside(count, first, arguments)
        results = sorted([*(one for one in results if one["count"] != count), found], key=lambda one: one["count"])
        write_json(file, results)
        if count != results[0]["count"]:
            shutil.rmtree(arguments.folder / str(count))
    print(table(results))
    print(results[-1]["machine"])


if __name__ == "__main__":
    main()
