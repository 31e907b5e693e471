"""Checkpoints of trainings, in scratch folders."""

import hashlib
import io
import json
import shutil
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from unseen.core import environment
from unseen.core.code import own_code
from unseen.core.parallel import Parallel
from unseen.core.runtime import machine_key
from unseen.core.sealed import read_sealed, set_aside, write_sealed
from unseen.core.shortages import shortage_of


class Scratch:
    """The checkpoint of one training, in a folder whose name is a hash of params, data, code and device.

    A run resumes only from a checkpoint with the same hash. The folder is git-ignored and not a DVC output; it is
    removed at the end.
    """

    def __init__(self, root: Path, title: str, key: Any) -> None:
        self.every_s = environment.checkpoint_seconds()
        self._root, self._title, self._key = root, title, key
        self._saved_at, self._took_s = time.monotonic(), 0.0

    def _folder(self, title: str, key: Any) -> Path:
        encoded = json.dumps([key, own_code(), machine_key()], sort_keys=True)
        return self._root / f"{title}-{hashlib.sha256(encoded.encode()).hexdigest()[:20]}"

    @cached_property
    def _file(self) -> Path:
        """The checkpoint's path. Computed at first use, because the hash covers modules that are imported late."""
        return self._folder(self._title, self._key) / "checkpoint.pt"

    def shared(self, title: str, key: Any) -> Path:
        """A folder for results that other trainings with this `key`, code and device can reuse.

        `clear` keeps it; only the user removes it.
        """
        return self._folder(title, key)

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint. Returns None if there is none, or if it is damaged: then it is also renamed.

        Every process of a distributed training must call this.

        Raises:
            UserError: another process goes on from another step, or its checkpoint has another hash.
        """
        state = self._load()
        Parallel().check_same(self._file.parent.name, state["step"] if state else 0)
        return state

    def _load(self) -> dict[str, Any] | None:
        again = "and training starts again from step 0"
        content = read_sealed(self._file, again)  # torch writes checksums but does not check them
        if content is None:
            return None
        try:
            state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            step = state["step"]
        except Exception as error:  # torch raises many types for damaged files
            if isinstance(error, PermissionError) or shortage_of(error):
                raise
            set_aside(self._file, again)
            return None
        print(f"{self._title}: resuming from step {step}", file=sys.stderr)
        return state

    def due(self) -> bool:
        """Whether to write a checkpoint: the last one is at least `every_s` seconds old, or more if writing was slow.

        At most about a thirtieth of the time is spent on checkpoints. The result does not depend on when one is
        written.
        """
        return time.monotonic() - self._saved_at >= self.every_s * (1 + 2 * self._took_s)

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint atomically; `state` has tensors, plain data and the key `step`."""
        start = time.monotonic()
        # Not directly to the file: torch's error does not report a full disk.
        torch.save(state, content := io.BytesIO())
        write_sealed(self._file, content.getbuffer())
        self._saved_at = time.monotonic()
        self._took_s = self._saved_at - start

    def clear(self) -> None:
        """Remove the checkpoint, after all outputs are written."""
        shutil.rmtree(self._file.parent, ignore_errors=True)
