"""The worker: one detector in a separate process, called with batches."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unseen.core.errors import UserError
from unseen.serve.bulk.batches import Batch
from unseen.serve.bulk.rows import rows_of, table_of, unscored
from unseen.serve.bulk.stores import Store
from unseen.serve.prediction import Prediction

if TYPE_CHECKING:
    import pyarrow as pa

LEFT_OUT = ("evaluation.json", "card.md")
"""Files of a detector that do not affect its scores."""

WORKERS = "UNSEEN_WORKERS"
"""Set in a worker's own process; `unseen.core.environment` reads it."""


def files_of(folder: Path) -> dict[str, bytes]:
    """Read the files of a detector that a worker needs, by name.

    Raises:
        UserError: a file can't be read.
    """
    try:
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name not in LEFT_OUT]
        return {path.name: path.read_bytes() for path in files if not path.name.startswith(".")}
    except OSError as error:
        raise UserError(f"{error.filename or folder}: can't be read: {error.strerror}") from None


class Scorer:
    """A detector that scores batches. Ray makes an actor of this class for each worker."""

    def __init__(
        self,
        name: str,
        files: Mapping[str, bytes],
        backend: Literal["torch", "onnx"] = "torch",
        device: str | None = "cpu",
        cpus: int = 1,
    ) -> None:
        """Load the detector.

        Args:
            name: name of the detector's folder, for messages.
            files: the result of `files_of`. They are sent with the call, so a cluster needs no shared disk.
            backend: see `unseen.load`.
            device: see `unseen.load`.
            cpus: threads that decode pictures, unless `UNSEEN_WORKERS` is set.
        """
        os.environ.setdefault(WORKERS, str(cpus))
        from unseen.core.runtime import keep_memory
        from unseen.serve.api import load

        with tempfile.TemporaryDirectory(prefix="unseen-") as parent:
            folder = Path(parent) / name.replace("/", "_")
            folder.mkdir()
            for file, data in files.items():
                (folder / file).write_bytes(data)
            self.detector = load(folder, backend, device)
        keep_memory()
        table_of([]), Store(".")  # import now, so that it does not count as time of the first batch

    def ready(self) -> bool:
        """Return True. Ray calls it after `__init__` has returned, so the detector is then loaded."""
        return True

    def score(self, batch: Batch) -> "pa.Table":
        """Score the pictures and return their rows, in order; see `unseen.serve.bulk.rows`.

        Raises:
            UserError: a logit is not finite.
        """
        from unseen.serve.predict import BATCH, predict

        try:
            found = batch.read()
        except (OSError, ValueError) as error:  # Arrow raises these types
            if len(batch) > 1:
                raise  # the pictures are retried one by one
            return unscored(batch.ids()[0], "unreadable", " ".join(str(error).split())[:200])
        pictures = [data for _, data in found if isinstance(data, bytes)]
        predictions = iter(predict(pictures, self.detector.loaded, max(len(pictures), BATCH)))
        rows: list[dict[str, Any]] = []
        for name, data in found:
            one = next(predictions) if isinstance(data, bytes) else Prediction(name, not_scored=(data,))
            rows += rows_of(name, one)
        return table_of(rows)
