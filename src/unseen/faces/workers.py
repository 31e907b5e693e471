"""The road of one archive's pictures, shared out to processes; outcomes come back in the order of the pictures."""

import hashlib
import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue

from unseen.data.face_rows import Dropped
from unseen.faces.decode import BadPictureError
from unseen.faces.detect import FaceDetector
from unseen.faces.preprocess import Crop, preprocess_pictures
from unseen.faces.rules import Facts
from unseen.faces.settings import FaceSettings

CHUNK = 32
"""Pictures that go to a process at once."""

CHUNK_BYTES = 2**24
"""And their bytes at most, over one picture's own."""

AHEAD = 2
"""Chunks that wait for each process."""


@dataclass(frozen=True)
class Job:
    """A picture on its way: its bytes and what is known of it."""

    path: str
    data: bytes
    facts: Facts


Outcome = tuple[Job, Crop] | Dropped
Crops = list[Crop | BadPictureError]


@dataclass
class _Chunk:
    """Consecutive pictures; of those that were dropped before they were looked at, only why."""

    items: list[Job | Dropped] = field(default_factory=list)

    def data(self) -> list[bytes]:
        return [item.data for item in self.items if isinstance(item, Job)]

    def full(self) -> bool:
        return len(self.items) >= CHUNK or sum(map(len, self.data())) >= CHUNK_BYTES


@dataclass(frozen=True)
class Preprocessing:
    """What every process needs to walk it."""

    model: bytes
    settings: FaceSettings
    seed: int

    def fingerprint(self) -> str:
        """SHA-256 of the model."""
        return hashlib.sha256(self.model).hexdigest()


def _serve(end: Connection, preprocessing: Preprocessing) -> None:
    """What a process does: pictures in, what came of them out, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    # One thread a process: the processes are the parallelism, and a result doesn't depend on either.
    face_detector = FaceDetector(preprocessing.model, preprocessing.settings.detect, threads=1)
    with suppress(EOFError, OSError):
        while True:
            files = end.recv()
            try:
                answer: Crops | str = preprocess_pictures(
                    files, face_detector, preprocessing.settings, preprocessing.seed, "found"
                )
            except Exception:
                answer = traceback.format_exc()
            end.send(answer)


class _Process:
    """A process that walks the road, started when it is first needed and again after it died.

    Not the standard library's pool: when a process dies while another starts, 3.11's waits for that one for ever.
    Here each has a pipe of its own, whose end tells.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        self._preprocessing = preprocessing
        self._running: tuple[Connection, BaseProcess] | None = None

    def _started(self) -> Connection:
        if not self._running:
            # Not forked: the runtime of the face detector has threads, and a fork of threads can hang.
            context = multiprocessing.get_context("spawn")
            end, other = context.Pipe()
            process = context.Process(target=_serve, args=(other, self._preprocessing), daemon=True)
            process.start()
            other.close()
            self._running = end, process
        return self._running[0]

    def end(self) -> None:
        if self._running:
            end, process = self._running
            end.close()
            process.join()
            self._running = None

    def _walk(self, files: list[bytes]) -> Crops | None:
        end = self._started()
        try:
            end.send(files)
            answer: Crops | str = end.recv()
        except (EOFError, OSError):
            self.end()
            return None
        if isinstance(answer, str):
            raise RuntimeError(f"in a process that reads pictures:\n{answer}")
        return answer

    def crops(self, files: list[bytes]) -> Crops:
        """What comes of each picture; one that ends the process is counted, the others are kept."""
        if not files:
            return []
        together = self._walk(files)
        if together is not None:
            return together
        # A model that can't be loaded is no picture's fault, and says so here.
        FaceDetector(self._preprocessing.model, self._preprocessing.settings.detect)
        died = BadPictureError("crashed", "the process that read it died")
        return [crop for file in files for crop in self._walk([file]) or [died]]


def _chunks(items: Iterable[Job | Dropped]) -> Iterator[_Chunk]:
    chunk = _Chunk()
    for item in items:
        chunk.items.append(item)
        if chunk.full():
            yield chunk
            chunk = _Chunk()
    if chunk.items:
        yield chunk


def _outcome(job: Job, crop: Crop | BadPictureError) -> Outcome:
    return Dropped(job.path, crop.reason, crop.detail) if isinstance(crop, BadPictureError) else (job, crop)


def _outcomes(chunk: _Chunk, crops: Iterable[Crop | BadPictureError]) -> Iterator[Outcome]:
    waiting = iter(crops)
    for item in chunk.items:
        yield item if isinstance(item, Dropped) else _outcome(item, next(waiting))


def crops(items: Iterable[Job | Dropped], preprocessing: Preprocessing, workers: int) -> Iterator[Outcome]:
    """Walk the road with every picture.

    Args:
        items: pictures, and those already dropped; read lazily, a few chunks ahead of what is returned.
        preprocessing: the face detector's model and the preprocessing settings.
        workers: processes; how many changes the speed and nothing else.

    Yields:
        For each item in order: what came of it.
    """
    idle: SimpleQueue[_Process] = SimpleQueue()
    processes = [_Process(preprocessing) for _ in range(workers)]
    for process in processes:
        idle.put(process)

    def crops_of(files: list[bytes]) -> Crops:
        process = idle.get()
        try:
            return process.crops(files)
        finally:
            idle.put(process)

    running: deque[tuple[_Chunk, Future[Crops]]] = deque()
    threads = ThreadPoolExecutor(workers)  # a thread waits for each process
    try:
        source = _chunks(items)
        while True:
            while len(running) < workers * AHEAD and (chunk := next(source, None)):
                running.append((chunk, threads.submit(crops_of, chunk.data())))
            if not running:
                return
            chunk, future = running.popleft()
            yield from _outcomes(chunk, future.result())
    finally:
        threads.shutdown(cancel_futures=True)
        for process in processes:
            process.end()
