"""What DVC's commands cost when nothing has changed, as multiples of `dvc --version`.

    PYTHONPATH=src python benchmarks/dvc_overhead.py --folder FOLDER

Makes projects in the folder, none of which trains anything:

- `one stage`: one stage that reads one file and writes one file. DVC's own start-up.
- `default`: a clone of HEAD with its params.
- `large`: the same with `--detectors` detectors and `--sets` evaluation sets.
- `plain`, twice: stages like that of `one stage`, as many as these two have. What DVC costs for each stage,
  whatever the stage names.

`--project` adds a project that has been run and is up to date.

Outputs are small stand-in files. `dvc.lock` is written from them by DVC's own functions, in one go: `dvc commit`
would write it once for each stage. Then `dvc --version`, `dvc status`, `dvc repro` and `dvc repro --all-pipelines`
are run in turn, `--rounds` times. Prints the median CPU time of each in seconds, and its ratio to `dvc --version` of
the same rounds, as a Markdown table. CPU time depends less on other load than time by the clock.
"""

import argparse
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from machine import machine

ROOT = Path(__file__).resolve().parents[1]
GIT = [
    "git",
    "-c",
    "user.name=benchmark",
    "-c",
    "user.email=benchmark@example.invalid",
    "-c",
    "init.defaultBranch=main",
]
DVC = [sys.executable, "-m", "dvc"]
COMMANDS = {"status": ["status"], "repro": ["repro"], "repro --all-pipelines": ["repro", "--all-pipelines"]}
FILES_IN_FOLDER = 3
"""Of each output that is a folder. Those of the default's run have 1 to 16 files."""

LOCK = """
import sys
from pathlib import Path
from dvc.repo import Repo
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dump_yaml

def stand_in(path: Path) -> None:
    if path.suffix:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    else:
        for number in range(int(sys.argv[1])):
            stand_in(path / f"{number}.bin")

with Repo() as repo, repo.lock:
    stages = repo.index.stages
    for item in [out for stage in stages for out in stage.outs] + [dep for stage in stages for dep in stage.deps]:
        if not item.exists:
            stand_in(Path(item.fs_path))
    locked = {}
    for stage in stages:
        stage.save()
        stage.commit()
        locked |= to_lockfile(stage)
    dump_yaml("dvc.lock", {"schema": "2.0", "stages": locked})
    print(len(stages))
"""
"""Run in a process of its own, in the project: makes what stages read and write, and `dvc.lock`."""


def run(command: list[str], folder: Path) -> str:
    """Run a command in the folder. Returns its standard output; raises `CalledProcessError` if it fails."""
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, encoding="utf-8").stdout


def large(params: dict[str, Any], detectors: int, sets: int) -> dict[str, Any]:
    """The default's params with so many detectors, of its three kinds in turn, and evaluation sets.

    Half of the sets are of reals, each with a source of its own; the others are fakes, each drawn from the first GAN.
    """
    kinds = list(params["detectors"].values())
    source, fakes = params["sources"]["orl"], params["fakes"]["dcgan_fakes"]
    reals = [f"reals_{number}" for number in range(sets // 2)]
    drawn = [f"fakes_{number}" for number in range(sets - sets // 2)]
    data = {name: f"faces/people/{name}" for name in reals} | {name: f"fakes/own/{name}" for name in drawn}
    return {
        **params,
        "sources": dict.fromkeys(reals, source),
        "fakes": dict.fromkeys(drawn, fakes),
        "detectors": {f"detector_{number}": kinds[number % len(kinds)] for number in range(detectors)},
        "evaluation_sets": {name: {"data": folder, "split": "test"} for name, folder in data.items()},
        "evaluation": {
            "pairs": {name: {"reals": reals[0], "fakes": name, "matched": True} for name in drawn},
        },
        "speed": {"set": reals[0]},
    }


def plain(stages: int) -> dict[str, Any]:
    """A `dvc.yaml` of stages that read the output of the stage before, or `dvc.yaml` itself."""
    return {
        "stages": {
            f"stage_{number}": {
                "cmd": f"python {number}.py",
                "deps": [f"{number - 1}.bin" if number else "first.bin"],
                "outs": [f"{number}.bin"],
            }
            for number in range(stages)
        }
    }


class NoAliases(yaml.SafeDumper):
    """Writes equal blocks in full, as a user would."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.dump(content, Dumper=NoAliases, sort_keys=False), encoding="utf-8")


def clone(folder: Path) -> None:
    run([*GIT, "clone", "-q", str(ROOT), str(folder)], ROOT)


def plain_project(folder: Path, stages: int) -> None:
    """A new project with DVC's settings of this one."""
    folder.mkdir()
    run([*GIT, "init", "-q"], folder)
    run([*DVC, "init", "-q"], folder)
    (folder / ".dvc/config").write_bytes((ROOT / ".dvc/config").read_bytes())
    write(folder / "dvc.yaml", plain(stages))


def cpu_seconds(command: list[str], folder: Path) -> float:
    """User and system time of a DVC command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = run([*DVC, *command], folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if command != ["--version"] and "up to date" not in said:
        raise RuntimeError(f"{folder}: dvc {' '.join(command)}: not up to date: {said}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(name: str, folder: Path, stages: int, rounds: int) -> str:
    """One row of the table: medians of the rounds. One round before them is not counted."""
    commands = {"version": ["--version"], **COMMANDS}
    times: dict[str, list[float]] = {key: [] for key in commands}
    for _ in range(rounds + 1):
        for key, command in commands.items():
            times[key].append(cpu_seconds(command, folder))
    medians = {key: statistics.median(values[1:]) for key, values in times.items()}
    cells = [f"{medians[key]:.2f} s, {medians[key] / medians['version']:.1f}" for key in COMMANDS]
    size = (folder / "dvc.lock").stat().st_size
    return f"| {name} | {stages} | {size / 1e3:,.0f} kB | {medians['version']:.2f} s | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="a new folder")
    parser.add_argument("--detectors", type=int, default=30)
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--project", type=Path, help="a project that is up to date, measured too")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    folder.mkdir(parents=True)

    names = ("default", "large")
    for name in names:
        clone(folder / name)
    params = folder / "large/params.yaml"
    content = yaml.safe_load(params.read_text(encoding="utf-8"))
    write(params, large(content, arguments.detectors, arguments.sets))
    lock = [sys.executable, "-c", LOCK, str(FILES_IN_FOLDER)]
    stages = {name: int(run(lock, folder / name)) for name in names}
    plains = {"one stage": 1, **{f"plain, {stages[name]} stages": stages[name] for name in names}}
    for name, count in plains.items():
        plain_project(folder / name, count)
        run(lock, folder / name)
    projects = {name: (folder / name, count) for name, count in {**plains, **stages}.items()}
    if arguments.project:
        locked = yaml.safe_load((arguments.project / "dvc.lock").read_text(encoding="utf-8"))
        projects["project"] = (arguments.project, len(locked["stages"]))

    print(f"{machine()}; {arguments.rounds} rounds\n")
    print("| project | stages | `dvc.lock` | `dvc --version` |" + "".join(f" `dvc {key}` |" for key in COMMANDS))
    print("|---|" + "--:|" * (3 + len(COMMANDS)))
    for name, (path, count) in projects.items():
        print(row(name, path, count, arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
