"""Preprocess the pictures of an archive in several processes. Results are in the order of the pictures."""

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
"""Pictures per chunk at most; a process gets one chunk at a time."""

CHUNK_BYTES = 2**24
"""Bytes of pictures at which a chunk is full."""

CHUNKS_PER_WORKER = 2
"""Chunks in the queue for each process."""


@dataclass(frozen=True)
class Job:
    """A picture to preprocess."""

    path: str
    data: bytes
    facts: Facts


JobResult = tuple[Job, Crop] | Dropped
CropResults = list[Crop | BadPictureError]


@dataclass
class _Chunk:
    """Consecutive pictures, including those that the rules have dropped."""

    items: list[Job | Dropped] = field(default_factory=list)

    def data(self) -> list[bytes]:
        return [item.data for item in self.items if isinstance(item, Job)]

    def full(self) -> bool:
        return len(self.items) >= CHUNK or sum(map(len, self.data())) >= CHUNK_BYTES


@dataclass(frozen=True)
class Preprocessing:
    """What a process needs for preprocessing: the face detector's model, settings, seed."""

    model: bytes
    settings: FaceSettings
    seed: int

    def fingerprint(self) -> str:
        """SHA-256 of the model."""
        return hashlib.sha256(self.model).hexdigest()


def _serve(end: Connection, preprocessing: Preprocessing) -> None:
    """The loop of a process: receive files, send crops, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    # One thread per process, because there are several processes.
    face_detector = FaceDetector(preprocessing.model, preprocessing.settings.detect, threads=1)
    with suppress(EOFError, OSError):
        while True:
            files = end.recv()
            try:
                answer: CropResults | str = preprocess_pictures(
                    files, face_detector, preprocessing.settings, preprocessing.seed, "found"
                )
            except Exception:
                answer = traceback.format_exc()
            end.send(answer)


class _Process:
    """A process for preprocessing, started at first use and restarted after it died.

    `ProcessPoolExecutor` of Python 3.11 can hang if a process dies while another starts. Here each process has its
    own pipe, which is closed when the process dies.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        self._preprocessing = preprocessing
        self._running: tuple[Connection, BaseProcess] | None = None

    def _started(self) -> Connection:
        if not self._running:
            # ONNX Runtime has threads, and a fork of a process with threads can hang.
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

    def _request(self, files: list[bytes]) -> CropResults | None:
        """Preprocess files in the process; None if it died."""
        end = self._started()
        try:
            end.send(files)
            answer: CropResults | str = end.recv()
        except (EOFError, OSError):
            self.end()
            return None
        if isinstance(answer, str):
            raise RuntimeError(f"error in a preprocessing process:\n{answer}")
        return answer

    def crops(self, files: list[bytes]) -> CropResults:
        """Preprocess files. If the process dies, each file is tried alone, and the cause of the crash is dropped."""
        if not files:
            return []
        results = self._request(files)
        if results is not None:
            return results
        # If the model can't be loaded, this raises the error: the pictures are not the cause.
        FaceDetector(self._preprocessing.model, self._preprocessing.settings.detect)
        died = BadPictureError("crashed", "the process that read it died")
        return [crop for file in files for crop in self._request([file]) or [died]]


def _chunks(items: Iterable[Job | Dropped]) -> Iterator[_Chunk]:
    chunk = _Chunk()
    for item in items:
        chunk.items.append(item)
        if chunk.full():
            yield chunk
            chunk = _Chunk()
    if chunk.items:
        yield chunk


def _result(job: Job, crop: Crop | BadPictureError) -> JobResult:
    return Dropped(job.path, crop.reason, crop.detail) if isinstance(crop, BadPictureError) else (job, crop)


def _results(chunk: _Chunk, crops: Iterable[Crop | BadPictureError]) -> Iterator[JobResult]:
    following = iter(crops)
    for item in chunk.items:
        yield item if isinstance(item, Dropped) else _result(item, next(following))


def crops(items: Iterable[Job | Dropped], preprocessing: Preprocessing, workers: int) -> Iterator[JobResult]:
    """Preprocess pictures in several processes.

    Args:
        items: pictures, and those already dropped; a few chunks are prefetched.
        preprocessing: the face detector's model and the preprocessing settings.
        workers: number of processes; it does not change the result.

    Yields:
        The result for each item, in order.
    """
    idle: SimpleQueue[_Process] = SimpleQueue()
    processes = [_Process(preprocessing) for _ in range(workers)]
    for process in processes:
        idle.put(process)

    def crops_of(files: list[bytes]) -> CropResults:
        process = idle.get()
        try:
            return process.crops(files)
        finally:
            idle.put(process)

    running: deque[tuple[_Chunk, Future[CropResults]]] = deque()
    threads = ThreadPoolExecutor(workers)  # each thread waits for one process
    try:
        source = _chunks(items)
        while True:
            while len(running) < workers * CHUNKS_PER_WORKER and (chunk := next(source, None)):
                running.append((chunk, threads.submit(crops_of, chunk.data())))
            if not running:
                return
            chunk, future = running.popleft()
            yield from _results(chunk, future.result())
    finally:
        threads.shutdown(cancel_futures=True)
        for process in processes:
            process.end()
