"""Score the faces in pictures with a trained detector: the road of training, then the frozen numbers.

Importing this imports torch; `unseen.cli` does so only when there is something to score.
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
"""Faces that are scored at once; more are not faster on a CPU."""

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels of the upright picture, cut at its edges."""


@dataclass(frozen=True)
class ScoredFace:
    """A face and what the detector says of it.

    Attributes:
        path: the picture, as it was named.
        box: where the face lies.
        logit: of the network, before the temperature; positive for fake.
        calibrated_logit: the logit divided by the temperature.
        score: calibrated probability of being fake, in [0, 1]: the sigmoid of `calibrated_logit`.
        flagged: the score reaches the frozen threshold; FPR and TPR are shares of these.
        verdict: `unsure` where the score lies in the band in which validation does not tell the classes apart, else
            `fake` where it is flagged, else `not flagged`.
    """

    path: str
    box: Box
    logit: float
    calibrated_logit: float
    score: float
    flagged: bool
    verdict: Verdict


@dataclass(frozen=True)
class NotScored:
    """A path or, where there is a box, one face in a picture, that got no score.

    Attributes:
        path: as it was named.
        reason: a short name to count by.
        detail: the reason in words.
        box: where the face lies.
    """

    path: str
    reason: str
    detail: str
    box: Box | None = None


@dataclass(frozen=True)
class _Face:
    """A face on its way: uint8 [size, size, 3], exactly as a stored one is read for training."""

    path: str
    box: Box
    pixels: Pixels


def open_detector(folder: Path) -> tuple[TrainedDetector, FaceDetector]:
    """A detector and its face detector, from the artifact's folder and from nothing else.

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
    except Exception as error:  # PyTorch and ONNX Runtime raise anything on files that are not what they expect
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{folder}: damaged ({what}); {advice(folder)}") from error


def _box(face: DetectedFace, width: int, height: int) -> Box:
    left, right = (min(max(round(x), 0), width) for x in face.box[::2])
    top, bottom = (min(max(round(y), 0), height) for y in face.box[1::2])
    return left, top, right - left, bottom - top


def read(path: str) -> bytes:
    """The bytes of a picture's file.

    Raises:
        BadPictureError: it is not there, no file, or too large.
        OSError: it can't be read.
    """
    if os.path.isdir(path):
        os.listdir(path)  # raises where that is why nothing was found
        raise BadPictureError("not_found", "no picture in this folder")
    if not os.path.exists(path):
        raise BadPictureError("not_found", "no such file, folder or match")
    if not os.path.isfile(path):
        raise BadPictureError("unreadable", "not a file")
    if os.path.getsize(path) > MAX_MEMBER_BYTES:
        raise BadPictureError("too_large", f"the file is above {MAX_MEMBER_BYTES} bytes")
    return Path(path).read_bytes()


def look(path: str, detector: TrainedDetector, face_detector: FaceDetector) -> list[_Face | NotScored]:
    """The faces in one picture, surest find first, each as training stores it; or the reason why there are none."""
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
    """What a logit means at the frozen numbers."""
    score = float(calibration.score([logit])[0])
    called = verdict_of(score, calibration.threshold, calibration.unsure)
    calibrated = logit / calibration.temperature
    return ScoredFace(path, box, logit, calibrated, score, score >= calibration.threshold, called)


def predict(
    paths: Iterable[str],
    detector: TrainedDetector,
    face_detector: FaceDetector,
    batch: int = BATCH,
    where: torch.device | None = None,
) -> Iterator[list[ScoredFace | NotScored]]:
    """Every face in every picture, one list a path and in the order of the paths, in constant memory.

    Args:
        paths: files; a path that can't be read gives a `NotScored` and stops nothing.
        detector: from `open_detector`, and so is `face_detector`.
        batch: faces that are scored at once, across pictures, and pictures that are read at once. The next pictures
            are read while some are scored; each may take a gigabyte while it is decoded, and `UNSEEN_WORKERS` bounds
            how many are.
        where: the device of the detector's network; None for that of `unseen.core.runtime.device`.

    Raises:
        UserError: the detector gives logits that are not finite.
    """
    # Not `prepare`, which takes two threads: here the others decode the next pictures, and two that wait for each
    # other stall on a busy machine.
    torch.set_num_threads(environment.threads(1))
    keep_memory()
    where = where or device()
    model = detector.model.to(where)

    def scored_names(pictures: list[list[_Face | NotScored]]) -> Iterator[list[ScoredFace | NotScored]]:
        faces = [row for picture in pictures for row in picture if isinstance(row, _Face)]
        logits = logits_of(model, np.stack([face.pixels for face in faces]), where) if faces else np.empty(0)
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
                yield from scored_names(waiting)
                waiting = []
    yield from scored_names(waiting)
