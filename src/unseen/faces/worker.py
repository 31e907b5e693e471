"""A process that preprocesses pictures for `unseen.faces.workers`.

It imports only what that needs, and not pydantic: each process starts with these imports, and nothing is
preprocessed before.
"""

import hashlib
import os
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from unseen.core.freed_memory import reuse_blocks
from unseen.faces.decode import BadPictureError
from unseen.faces.detect import FaceDetector
from unseen.faces.plain_settings import plain
from unseen.faces.preprocess import Crop, preprocess_pictures

if TYPE_CHECKING:
    from unseen.faces.settings import FaceSettings

CropResults = list[Crop | BadPictureError]


@dataclass(frozen=True)
class Preprocessing:
    """What a process needs for preprocessing: the face detector's model, settings, seed."""

    model: bytes
    settings: "FaceSettings"
    seed: int

    def fingerprint(self) -> str:
        """SHA-256 of the model."""
        return hashlib.sha256(self.model).hexdigest()

    def for_process(self) -> "Preprocessing":
        """The same, for a process that does not import pydantic."""
        return replace(self, settings=plain(self.settings))


def serve(end: Connection, preprocessing: Preprocessing) -> None:
    """The loop of a process: send an empty text or the error of the start, then receive files and send crops, until
    the pipe is closed. Ends the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    reuse_blocks()
    with suppress(EOFError, OSError):
        try:
            # One thread per process, because there are several processes.
            face_detector = FaceDetector(preprocessing.model, preprocessing.settings.detect, threads=1)
        except Exception:
            end.send(traceback.format_exc())
            return
        end.send("")
        while True:
            files = end.recv()
            try:
                answer: CropResults | str = preprocess_pictures(
                    files, face_detector, preprocessing.settings, preprocessing.seed, "found"
                )
            except Exception:
                answer = traceback.format_exc()
            end.send(answer)
    # The parent waits for the end, and the interpreter would take 0.1 s for it.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
