"""A worker without a detector, which dies, hangs or raises where a picture's bytes say so. Imports little."""

import ctypes
import os
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING

from unseen.serve.bulk.batches import Batch
from unseen.serve.bulk.rows import rows_of, table_of
from unseen.serve.bulk.stores import Store
from unseen.serve.prediction import Face, NotScored, Prediction

if TYPE_CHECKING:
    import pyarrow as pa


def predicted(name: str, data: bytes | NotScored) -> Prediction:
    """One face whose logit is the length of the file."""
    if isinstance(data, NotScored):
        return Prediction(name, not_scored=(data,))
    logit = float(len(data))
    return Prediction(
        name, (Face((1, 2, 3, 4), logit, logit / 2, 0.9, True, "fake", "", 0.8),), (), 10, 20, "ab" * 32
    )


class StubScorer:
    """In place of `Scorer`."""

    def __init__(self, name: str, files: Mapping[str, bytes], backend: str, device: str, cpus: int) -> None:
        self.given = name, files, backend, device, cpus
        table_of([]), Store(".")

    def ready(self) -> bool:
        """See `Scorer`."""
        return True

    def score(self, batch: Batch) -> "pa.Table":
        """See `Scorer`."""
        found = batch.read()
        for _, data in found:
            if data == b"exit":
                os._exit(3)
            elif data == b"killed":  # as by a system without memory
                os.kill(os.getpid(), signal.SIGKILL)
            elif data == b"hang":
                ctypes.PyDLL(None).sleep(600)  # in C, and no other thread of Python can run
            elif data == b"raise":
                raise ValueError("an odd\npicture")
        return table_of(row for name, data in found for row in rows_of(name, predicted(name, data)))
