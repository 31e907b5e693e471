"""Kill a pipeline with all stages at random moments, run `dvc repro`, and compare with an unbroken run.

    PYTHONPATH=src python benchmarks/kills.py --kills 50 --out kills.json

A small project with every stage of dvc.yaml runs once, unbroken. Each trial starts from a copy in which one stage
has not run: its outputs, its entry in dvc.lock, its objects in the cache and its runs are removed. The trial starts
`dvc repro`, kills it with all its processes at a random part of this stage's duration, and runs `dvc repro` again.
Then all outputs in the workspace must have the bytes, and all outputs in dvc.lock the hashes, of the unbroken run,
but for those that `unseen.report.volatile` names.

The first trials take each family of stages once. The others take a moment of the whole run. The stages that read the
killed stage's outputs run again if the bytes differ; with `--all-after` they always run again. `--empty N` adds N
trials that begin with nothing and are killed ten times each.
Prints a row for each trial. The exit code is 1 if any output differs.
"""

import argparse
import random
import shutil
import signal
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from kills_project import serving_slowly
from kills_run import Project, Run, differing, output_bytes, unbroken
from machine import machine

from unseen.core.json_files import write_json

KILLS_OF_AN_EMPTY_RUN = 10


@dataclass
class Trial:
    """What one trial did and found."""

    stage: str
    how: str
    after_s: float
    was_in: str
    outputs: int
    differing: list[str]
    resumed: list[str]
    left: int
    said: str

    def row(self) -> str:
        """A row of the printed table."""
        same = f"{self.outputs - len(self.differing)} of {self.outputs}"
        cells = self.stage, self.how, f"{self.after_s:.1f} s", self.was_in, " ".join(self.resumed), same
        return f"| {' | '.join(cells)} | {' '.join(self.differing)}{self.said}"


HEAD = """| stage | killed by | after | was in | went on from a checkpoint | same bytes |
|---|---|---:|---|---|---:|"""


def stage_names(reference: Project, count: int, moments: random.Random) -> list[str]:
    """The stages to kill: one of each family, then at random moments of the whole run."""
    families: dict[str, list[str]] = {}
    for stage in reference.durations:
        families.setdefault(stage.split("@")[0], []).append(stage)
    first = [moments.choice(stages) for stages in families.values()]
    rest = moments.choices([*reference.durations], [*reference.durations.values()], k=max(0, count - len(first)))
    return (first + rest)[:count]


def trial(reference: Project, folder: Path, stage: str, part: float, how: str, all_after: bool) -> Trial:
    """Kill one stage at a part of its duration, finish the run, and compare."""
    project = reference.without(stage, folder, all_after)
    after_s = part * reference.durations[stage]
    run = Run(project)
    run.wait_for(stage)
    was_in = run.killed(after_s, how)
    last = Run(project)
    code = last.finished()
    said = "" if how == "SIGKILL" else run.errors()
    if code != 0 and last.repaired():  # as docs/reliability.md says
        said = f"{last.errors()}; `unseen doctor --cache --repair`, `dvc repro`"
        last = Run(project)
        code = last.finished()
    found = output_bytes(project.folder) if code == 0 else {}
    wrong = differing(reference, project, found)
    left = len([*folder.glob("data/**/*.part"), *folder.glob("models/**/*.part"), *folder.glob("metrics/**/*.part")])
    return Trial(stage, how, after_s, was_in, len(reference.bytes), wrong, last.resumed(), left, said)


def empty_trial(reference: Project, folder: Path, moments: random.Random) -> Trial:
    """Kill a run that begins with nothing at random moments, finish it, and compare."""
    project = reference.empty(folder)
    total = sum(reference.durations.values())
    places = []
    for _ in range(KILLS_OF_AN_EMPTY_RUN):
        run = Run(project)
        run.wait_for("")
        places.append(run.killed(moments.uniform(0, 2 * total / KILLS_OF_AN_EMPTY_RUN), "SIGKILL"))
    last = Run(project)
    found = output_bytes(project.folder) if last.finished() == 0 else {}
    wrong = differing(reference, project, found)
    how = f"{KILLS_OF_AN_EMPTY_RUN} x SIGKILL"
    return Trial("all", how, total, ", ".join(places), len(reference.bytes), wrong, last.resumed(), 0, "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--empty", type=int, default=0, help="runs that begin with nothing, killed ten times each")
    parser.add_argument("--signal", choices=("SIGKILL", "SIGTERM", "SIGINT"), default="SIGKILL")
    parser.add_argument("--stages", nargs="*", help="kill these instead, each once")
    parser.add_argument("--all-after", action="store_true", help="run all stages after the killed one again")
    parser.add_argument("--seed", type=int, default=0, help="of stages and moments")
    parser.add_argument("--work", type=Path, help="folder for all runs; the unbroken one in it is used again")
    parser.add_argument("--out", type=Path, help="JSON file for the result")
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = (arguments.work or Path(temporary)).resolve()
        reference = unbroken(work)
        with serving_slowly(work / "slow.zip", reference.port):
            stages = arguments.stages or stage_names(reference, arguments.kills, moments)
            print(HEAD, flush=True)
            trials = []
            for stage in stages:
                shutil.rmtree(work / "trial", ignore_errors=True)
                part = moments.random()
                trials.append(trial(reference, work / "trial", stage, part, arguments.signal, arguments.all_after))
                print(trials[-1].row(), flush=True)
            for _ in range(arguments.empty):
                shutil.rmtree(work / "trial", ignore_errors=True)
                trials.append(empty_trial(reference, work / "trial", moments))
                print(trials[-1].row(), flush=True)
        shutil.rmtree(work / "trial", ignore_errors=True)
    same = sum(not one.differing for one in trials)
    print(f"\n{same} of {len(trials)} ended with the bytes of the unbroken run")
    if arguments.out:
        write_json(arguments.out, {"machine": machine(), "trials": [asdict(one) for one in trials]})
    raise SystemExit(0 if same == len(trials) else 1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: exit(1))
    main()
