"""The stage `faces` and the bare face detector, for `faces.py` and `predict.py`.

Not in `faces.py`: each process for preprocessing imports the main script again, and the script of the stage imports
little at its top.
"""

import itertools
import multiprocessing
import resource
import statistics
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from unseen.core.settings import read_block
from unseen.data.splits import SplitSettings
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
CHUNK = 32
"""Pictures in a call of the bare face detector."""


@dataclass(frozen=True)
class Cost:
    """Seconds of a run by the clock, and of CPU in all its processes."""

    wall: float
    cpu: float


def spread(values: list[float], digits: int) -> str:
    """Median, lowest and highest value."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


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
    """The preprocessing of the default project."""
    model = (ROOT / "models/assets/centerface/centerface.onnx").read_bytes()
    return Preprocessing(with_dynamic_input(model), read_block(PARAMS, ["faces"], FaceSettings), 4)


def _cpu() -> float:
    """Seconds of CPU of this process and of its children that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + spent.ru_utime + spent.ru_stime


def stage(archive: Path, folder: Path, workers: int) -> Cost:
    """The cost from archive to set, with the settings, the model and the start of the processes."""
    source = SourceSettings(archive="a", group="g", use="train", label="real")
    splits = SplitSettings(val=0.2, test=0.2)
    start, cpu = time.perf_counter(), _cpu()
    gather("bench", source, archive, "0" * 64, preprocessing(), splits, folder / "set", folder / "scratch", workers)
    return Cost(time.perf_counter() - start, _cpu() - cpu)


def decoded(archive: Path, first: int, step: int) -> Iterator[Image.Image]:
    """Every `step`-th picture, decoded."""
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist()[first::step]:
            try:
                yield decode(opened.read(name), 10**8)
            except BadPictureError as bad:
                sys.exit(f"{name}: {bad}; the benchmark needs undamaged pictures")


def _bare(archive: Path, first: int, step: int, ready, go, seconds) -> None:  # type: ignore[no-untyped-def]
    walked = preprocessing()
    face_detector = FaceDetector(walked.model, walked.settings.detect, threads=1)
    pictures = list(decoded(archive, first, step))
    face_detector.detect_all(pictures[:8])
    ready.wait()
    go.wait()
    start, cpu = time.perf_counter(), time.process_time()
    for number in range(0, len(pictures), CHUNK):
        face_detector.detect_all(pictures[number : number + CHUNK])
    seconds.put((time.perf_counter() - start, time.process_time() - cpu))


def bare(archive: Path, workers: int) -> Cost:
    """The cost of the face detector alone, in `workers` processes that hold their pictures decoded.

    The start of the processes does not count. By the clock, it is the slowest process.
    """
    context = multiprocessing.get_context("spawn")
    ready, go, seconds = context.Barrier(workers + 1), context.Event(), context.Queue()
    shares = [context.Process(target=_bare, args=(archive, i, workers, ready, go, seconds)) for i in range(workers)]
    for share in shares:
        share.start()
    ready.wait()
    go.set()
    found = [seconds.get() for _ in shares]
    for share in shares:
        share.join()
    return Cost(max(wall for wall, _ in found), sum(cpu for _, cpu in found))
