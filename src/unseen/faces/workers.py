"""Preprocess the pictures of an archive in several processes. Results are in the order of the pictures."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue

from unseen.core.errors import UserError
from unseen.data.face_rows import Dropped
from unseen.faces.decode import BadPictureError
from unseen.faces.detect import FaceDetector
from unseen.faces.preprocess import Crop
from unseen.faces.rules import Facts
from unseen.faces.worker import CropResults, Preprocessing, serve

__all__ = ["Job", "JobResult", "Preprocessing", "crops"]

CHUNK = 16
"""Pictures per chunk at most; a process gets one chunk at a time."""

CHUNK_BYTES = 2**17
"""Bytes of pictures at which a chunk is full. Large pictures take long: with large chunks, all but one process would
wait for the last one. The face detector has at most 8 pictures in a batch, and one of 768 px."""

CHUNKS_PER_WORKER = 4
"""Chunks in the queue for each process."""


@dataclass(frozen=True)
class Job:
    """A picture to preprocess."""

    path: str
    data: bytes
    facts: Facts


AGAIN = "free some memory, or set UNSEEN_WORKERS to fewer processes; then run it again"

JobResult = tuple[Job, Crop] | Dropped


@dataclass
class _Chunk:
    """Consecutive pictures, including those that the rules have dropped."""

    items: list[Job | Dropped] = field(default_factory=list)
    size: int = 0

    def add(self, item: Job | Dropped) -> None:
        self.items.append(item)
        if isinstance(item, Job):
            self.size += len(item.data)

    def data(self) -> list[bytes]:
        return [item.data for item in self.items if isinstance(item, Job)]

    def full(self) -> bool:
        return len(self.items) >= CHUNK or self.size >= CHUNK_BYTES


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
            process = context.Process(target=serve, args=(other, self._preprocessing.for_process()), daemon=True)
            process.start()
            other.close()
            self._running = end, process
            try:
                said = end.recv()
            except (EOFError, OSError):
                what = f"a preprocessing process ended at its start, with code {self._ended()}"
                raise UserError(f"{what}; {AGAIN}") from None
            if said:
                raise RuntimeError(f"error in a preprocessing process:\n{said}")
        return self._running[0]

    def _ended(self) -> int | None:
        """Wait for the end of the process and return its exit code."""
        assert self._running
        _, process = self._running
        self.end()
        return process.exitcode

    def end(self) -> None:
        if self._running:
            end, process = self._running
            end.close()
            process.join()
            self._running = None

    def _request(self, files: list[bytes]) -> CropResults | None:
        """Preprocess files in the process; None if a picture crashed it.

        Raises:
            UserError: the process was killed or did not start, so nothing is known of the pictures.
        """
        end = self._started()
        try:
            end.send(files)
            answer: CropResults | str = end.recv()
        except (EOFError, OSError):
            if self._ended() == -signal.SIGKILL:
                what = "a preprocessing process was killed, as the system does when memory is short"
                raise UserError(f"{what}; {AGAIN}") from None
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
        chunk.add(item)
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
