"""Score the faces in pictures with a trained detector: preprocessing as in training, then the frozen calibration.

This module imports torch, so `unseen.cli` imports it only for scoring.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from unseen.core import environment
from unseen.core.errors import UserError
from unseen.core.prefetch import prefetch
from unseen.core.recovery import advice
from unseen.core.runtime import device, keep_memory
from unseen.data.pictures import Pixels, decode_crop
from unseen.detectors.shared.artifact import TrainedDetector, load_detector
from unseen.detectors.shared.calibration import Calibration
from unseen.detectors.shared.logits import logits_of
from unseen.faces.decode import BadPictureError, decode
from unseen.faces.detect import DetectedFace, FaceDetector
from unseen.faces.preprocess import crop_face
from unseen.serve.verdict import Verdict, verdict_of
from unseen.sources.shared.archive import MAX_MEMBER_BYTES

BATCH = 32
"""Faces per batch; larger batches are not faster on a CPU."""

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels of the upright picture, clipped to it."""


@dataclass(frozen=True)
class ScoredFace:
    """A scored face.

    Attributes:
        path: the picture's path, as given.
        box: the face's position.
        logit: of the network, before the temperature; positive for fake.
        calibrated_logit: the logit divided by the temperature.
        score: calibrated probability of being fake, in [0, 1]: the sigmoid of `calibrated_logit`.
        above_threshold: whether the score is at or above the frozen threshold; FPR and TPR are shares of these.
        verdict: `unsure` if the score is in the band in which validation does not separate the classes, else `fake`
            if it is at or above the threshold, else `not flagged`.
    """

    path: str
    box: Box
    logit: float
    calibrated_logit: float
    score: float
    above_threshold: bool
    verdict: Verdict


@dataclass(frozen=True)
class NotScored:
    """A picture without a score or, with a box, a face without a score.

    Attributes:
        path: the picture's path, as given.
        reason: a code.
        detail: the reason as text.
        box: the face's position.
    """

    path: str
    reason: str
    detail: str
    box: Box | None = None


@dataclass(frozen=True)
class _Face:
    """A face before it is scored: pixels uint8 [size, size, 3], preprocessed exactly as for training."""

    path: str
    box: Box
    pixels: Pixels


def open_detector(folder: Path) -> tuple[TrainedDetector, FaceDetector]:
    """Load a detector and its face detector from the artifact's folder.

    Raises:
        UserError: a file is missing or damaged.
    """
    try:
        detector = load_detector(folder)
        int(detector.card["seed"])
        return detector, FaceDetector(detector.face_detector, detector.faces.detect)
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: not found; {advice(folder)}") from None
    except OSError as error:
        raise UserError(f"{error.filename or folder}: can't be read: {error.strerror or error}") from None
    except Exception as error:  # PyTorch and ONNX Runtime raise many types for damaged files
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{folder}: damaged ({what}); {advice(folder)}") from error


def _box(face: DetectedFace, width: int, height: int) -> Box:
    left, right = (min(max(round(x), 0), width) for x in face.box[::2])
    top, bottom = (min(max(round(y), 0), height) for y in face.box[1::2])
    return left, top, right - left, bottom - top


def read(path: str) -> bytes:
    """Read the bytes of a picture's file.

    Raises:
        BadPictureError: the path does not exist, is not a file, or is too large.
        OSError: the file can't be read.
    """
    if os.path.isdir(path):
        os.listdir(path)  # raises an error if the folder can't be opened
        raise BadPictureError("not_found", "no picture in this folder")
    if not os.path.exists(path):
        raise BadPictureError("not_found", "no such file, folder or match")
    if not os.path.isfile(path):
        raise BadPictureError("unreadable", "not a file")
    if os.path.getsize(path) > MAX_MEMBER_BYTES:
        raise BadPictureError("too_large", f"the file is larger than {MAX_MEMBER_BYTES} bytes")
    return Path(path).read_bytes()


def look(path: str, detector: TrainedDetector, face_detector: FaceDetector) -> list[_Face | NotScored]:
    """Preprocess the faces in a picture, highest detection score first; or return the reason why there are none."""
    settings, seed = detector.faces, detector.card["seed"]
    try:
        data = read(path)
        picture = decode(data, settings.max_pixels)
    except BadPictureError as bad:
        return [NotScored(path, bad.reason, bad.detail)]
    except OSError as error:
        return [NotScored(path, "unreadable", error.strerror or str(error))]
    sha256 = hashlib.sha256(data).hexdigest()
    faces: list[_Face | NotScored] = []
    for face in face_detector.detect(picture):
        box = _box(face, *picture.size)
        try:
            faces.append(_Face(path, box, decode_crop(crop_face(picture, face, sha256, settings, seed)[0])))
        except BadPictureError as bad:
            faces.append(NotScored(path, bad.reason, bad.detail, box))
    return faces or [NotScored(path, "no_face", "no face was found")]


def verdict(path: str, box: Box, logit: float, calibration: Calibration) -> ScoredFace:
    """Score and verdict of a logit, by the frozen calibration."""
    score = float(calibration.score([logit])[0])
    called = verdict_of(score, calibration.threshold, calibration.unsure)
    calibrated = logit / calibration.temperature
    return ScoredFace(
        path=path,
        box=box,
        logit=logit,
        calibrated_logit=calibrated,
        score=score,
        above_threshold=score >= calibration.threshold,
        verdict=called,
    )


def predict(
    paths: Iterable[str],
    detector: TrainedDetector,
    face_detector: FaceDetector,
    batch: int = BATCH,
    where: torch.device | None = None,
) -> Iterator[list[ScoredFace | NotScored]]:
    """Score every face in every picture, in constant memory. Yields a list for each path, in order.

    Args:
        paths: files; a path that can't be read gives a `NotScored`.
        detector: from `open_detector`.
        face_detector: from `open_detector`.
        batch: faces per batch of the network, and pictures per batch of the prefetcher. Decoding may take a gigabyte
            per picture; `UNSEEN_WORKERS` limits the number of pictures that are decoded in parallel.
        where: the device of the detector's network; None for that of `unseen.core.runtime.device`.

    Raises:
        UserError: the detector gives logits that are not finite.
    """
    # Not `prepare`, which uses two threads: here other threads decode the next pictures, and two network threads that
    # wait for each other are slow on a busy machine.
    torch.set_num_threads(environment.threads(1))
    keep_memory()
    where = where or device()
    model = detector.model.to(where)

    def scored(pictures: list[list[_Face | NotScored]]) -> Iterator[list[ScoredFace | NotScored]]:
        faces = [row for picture in pictures for row in picture if isinstance(row, _Face)]
        logits = logits_of(model, [face.pixels for face in faces], where)
        if not np.isfinite(logits).all():
            raise UserError(f"{detector.folder}: gives scores that are not finite; `dvc repro` trains it again")
        following = iter(logits.tolist())
        for picture in pictures:
            yield [
                verdict(row.path, row.box, next(following), detector.calibration) if isinstance(row, _Face) else row
                for row in picture
            ]

    rest = iter(paths)

    def looked(some: list[str], threads: Executor) -> list[list[_Face | NotScored]]:
        return list(threads.map(lambda path: look(path, detector, face_detector), some))

    waiting: list[list[_Face | NotScored]] = []
    for pictures in prefetch(iter(lambda: list(islice(rest, batch)), []), looked):
        for picture in pictures:
            waiting.append(picture)
            if sum(map(len, waiting)) >= batch:
                yield from scored(waiting)
                waiting = []
    yield from scored(waiting)
