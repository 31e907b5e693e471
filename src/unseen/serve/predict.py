"""Score the faces in pictures: preprocessing as in training, the network, then the frozen calibration.

All inputs and backends use the same steps: `unseen.serve.inputs` decodes a picture, its faces are detected and
cropped, a `Network` computes their logits, and the calibration gives scores and verdicts. This module imports no
backend.
"""

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from unseen.core.errors import UserError
from unseen.core.prefetch import core_is_idle, prefetch
from unseen.faces.decode import BadPictureError
from unseen.faces.detect import DetectedFace
from unseen.faces.preprocess import crop_face
from unseen.serve.gate import outside
from unseen.serve.inputs import Picture, held_bytes, load_picture, name_of
from unseen.serve.network import LoadedDetector, Pixels
from unseen.serve.prediction import Box, Face, NotScored, Prediction
from unseen.serve.provenance import NOTHING, Provenance, provenance
from unseen.serve.verdict import IN_BAND, UNSURE, verdict_of

if TYPE_CHECKING:
    from unseen.core.calibration import Calibration

BATCH = 32
"""Faces per batch; larger batches are not faster on a CPU."""

HELD_BYTES = 2**26
"""Memory of the pictures of a batch at which it goes to the prefetcher, so that frames of a 4K video, 25 MB each, do
not wait until there are `BATCH` of them. Pictures that are given as paths take none before they are read."""


@dataclass(frozen=True)
class FoundFace:
    """A face before it is scored.

    Attributes:
        box: its position.
        detected: the result of the face detector.
        pixels: uint8 [side, side, 3], preprocessed exactly as for training.
        outside: the code of the first gate limit that the face violates; empty if it violates none.
    """

    box: Box
    detected: DetectedFace
    pixels: Pixels
    outside: str = ""


@dataclass(frozen=True)
class PreparedPicture:
    """A picture before its faces are scored. The attributes have the meaning of those of `Prediction`."""

    name: str
    faces: tuple[FoundFace, ...] = ()
    not_scored: tuple[NotScored, ...] = ()
    width: int = 0
    height: int = 0
    sha256: str = ""
    provenance: Provenance = NOTHING


def _box(face: DetectedFace, width: int, height: int) -> Box:
    left, right = (min(max(round(x), 0), width) for x in face.box[::2])
    top, bottom = (min(max(round(y), 0), height) for y in face.box[1::2])
    return left, top, right - left, bottom - top


def find_faces(given: Picture, name: str, detector: LoadedDetector) -> PreparedPicture:
    """Preprocess the faces in a picture, highest detection score first, or find the reason why there are none."""
    try:
        found = load_picture(given, detector.faces.max_pixels)
    except BadPictureError as bad:
        return PreparedPicture(name, not_scored=(NotScored(bad.reason, bad.detail),))
    except OSError as error:
        return PreparedPicture(name, not_scored=(NotScored("unreadable", error.strerror or str(error)),))
    faces: list[FoundFace] = []
    failed: list[NotScored] = []
    for face in detector.face_detector.detect(found.picture):
        box = _box(face, *found.picture.size)
        try:
            crop, _ = crop_face(found.picture, face, found.sha256, detector.faces, detector.seed)
        except BadPictureError as bad:
            failed.append(NotScored(bad.reason, bad.detail, box))
            continue
        pixels = np.array(Image.open(io.BytesIO(crop)).convert("RGB"))
        faces.append(FoundFace(box, face, pixels, outside(face, pixels, detector.gate, detector.faces.scale)))
    if not faces and not failed:
        failed.append(NotScored("no_face", "no face was found"))
    facts = NOTHING if found.data is None else provenance(found.data)
    return PreparedPicture(name, tuple(faces), tuple(failed), *found.picture.size, found.sha256, facts)


def score_face(face: FoundFace, logit: float, calibration: "Calibration") -> Face:
    """Compute the score and verdict of a face by the frozen calibration."""
    score = float(calibration.score([logit])[0])
    verdict = UNSURE if face.outside else verdict_of(score, calibration.threshold, calibration.unsure)
    return Face(
        box=face.box,
        logit=logit,
        calibrated_logit=logit / calibration.temperature,
        score=score,
        above_threshold=score >= calibration.threshold,
        verdict=verdict,
        why=face.outside or (IN_BAND if verdict == UNSURE else ""),
        detection_score=face.detected.score,
    )


def _score_pictures(pictures: list[PreparedPicture], detector: LoadedDetector) -> Iterator[Prediction]:
    """Score the faces of several pictures in one call of the network.

    Raises:
        UserError: a logit is not finite.
    """
    pixels = [face.pixels for picture in pictures for face in picture.faces]
    logits = detector.network.logits(pixels) if pixels else np.empty(0)
    if not np.isfinite(logits).all():
        raise UserError(f"{detector.folder}: gives scores that are not finite; train it again with `dvc repro`")
    following = iter(logits.tolist())
    for picture in pictures:
        faces = tuple(score_face(face, next(following), detector.calibration) for face in picture.faces)
        yield Prediction(
            name=picture.name,
            faces=faces,
            not_scored=picture.not_scored,
            width=picture.width,
            height=picture.height,
            sha256=picture.sha256,
            provenance=picture.provenance,
        )


def predict_one(given: Picture, detector: LoadedDetector, name: str = "") -> Prediction:
    """Score every face in one picture, in this thread.

    Args:
        given: the picture.
        detector: detector of any backend.
        name: name of the picture; empty for its path or `picture 0`.

    Raises:
        UserError: the value is not a picture, or a logit is not finite.
    """
    own = name_of(given, 0)
    return next(_score_pictures([find_faces(given, name or own, detector)], detector))


def predict(pictures: Iterable[Picture], detector: LoadedDetector, batch: int = BATCH) -> Iterator[Prediction]:
    """Score every face in every picture, in constant memory. Yields a prediction for each picture, in order.

    See `predict_groups`.
    """
    for group in predict_groups(pictures, detector, batch):
        yield from group


def _batches(pictures: Iterable[Picture], batch: int) -> Iterator[list[tuple[Picture, str]]]:
    """Yield pictures with their names: at most `batch`, and fewer if they take more memory than `HELD_BYTES`."""
    some: list[tuple[Picture, str]] = []
    held = 0
    for number, picture in enumerate(pictures):
        some.append((picture, name_of(picture, number)))
        held += held_bytes(picture)
        if len(some) >= batch or held >= HELD_BYTES:
            yield some
            some, held = [], 0
    if some:
        yield some


def predict_groups(
    pictures: Iterable[Picture], detector: LoadedDetector, batch: int = BATCH
) -> Iterator[list[Prediction]]:
    """Like `predict`, but yield groups of pictures whose faces were scored in one call of the network.

    The last bits of a logit may depend on the other faces of its group. A run that is resumed after a complete group
    has the same groups as an uninterrupted one, and therefore the same bits.

    Args:
        pictures: pictures to score. They are prefetched and may be read in another thread. A picture that can't be
            read gives a `NotScored`.
        detector: detector of any backend.
        batch: faces per batch of the network, and most pictures per batch of the prefetcher. Decoding may take a
            gigabyte per picture; `UNSEEN_WORKERS` limits the number of pictures that are decoded in parallel.

    Raises:
        UserError: an item is not a picture, or a logit is not finite.
    """

    def prepared(some: list[tuple[Picture, str]], threads: Executor) -> list[PreparedPicture]:
        return list(threads.map(lambda one: find_faces(one[0], one[1], detector), some))

    waiting: list[PreparedPicture] = []
    for pictures_of_batch in prefetch(_batches(pictures, batch), prepared, core_is_idle(detector.network.threads)):
        for picture in pictures_of_batch:
            waiting.append(picture)
            if sum(len(one.faces) + len(one.not_scored) for one in waiting) >= batch:
                yield list(_score_pictures(waiting, detector))
                waiting = []
    if waiting:
        yield list(_score_pictures(waiting, detector))
