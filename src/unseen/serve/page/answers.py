"""Build the response of the HTTP API for a picture with the Python API: limits before scoring, heat maps after it."""

import base64
import dataclasses
import io
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from unseen.faces.decode import BadPictureError, open_picture
from unseen.faces.detect import DetectedFace, FaceDetector
from unseen.serve.api import Detector
from unseen.serve.network import Network, Pixels
from unseen.serve.page.limits import Limits, RefusedError
from unseen.serve.verdict import REASONS

if TYPE_CHECKING:
    from unseen.serve.torch_network import TorchNetwork

MEDIA = ("not_an_image", "unsupported_format")
"""Reasons that give the status 415. Other reasons without a box give 422, except `no_face`."""

HEATED = 8
"""Maximum number of faces of a picture with a heat map. Each needs 1 to 50 forward passes."""

SIDE = 192
"""Side of a heat map in pixels."""

RAMP = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], np.float32)
"""Colour map from low to high values: matplotlib's `inferno` at five points."""


class _LimitedFaces:
    """A face detector that refuses a picture with too many faces, before any of them is cropped."""

    def __init__(self, face_detector: FaceDetector, most: int) -> None:
        self._face_detector, self._most = face_detector, most

    def detect(self, picture: Image.Image) -> list[DetectedFace]:
        """See `FaceDetector.detect`.

        Raises:
            RefusedError: 422.
        """
        found = self._face_detector.detect(picture)
        if len(found) > self._most:
            detail = f"the picture has {len(found)} faces; at most {self._most} are scored"
            raise RefusedError(422, "too_many_faces", detail)
        return found


class _RecordingNetwork:
    """A network that stores the faces of its last call, for each thread. Heat maps need them."""

    def __init__(self, network: Network) -> None:
        self.threads = network.threads
        self._network, self._last = network, threading.local()

    def logits(self, pixels: Sequence[Pixels]) -> npt.NDArray[np.float64]:
        """See `Network.logits`."""
        self._last.pixels = list(pixels)
        return self._network.logits(pixels)

    def taken(self) -> list[Pixels]:
        """Return the faces of the last call in this thread, and delete them."""
        found, self._last.pixels = getattr(self._last, "pixels", []), []
        return found


def check_header(data: bytes, most_pixels: int) -> None:
    """Check the header of a file before pixels are decoded.

    Raises:
        RefusedError: 415 or 422.
    """
    try:
        width, height = open_picture(data)[0].size
    except BadPictureError as bad:
        raise refusal(bad.reason, bad.detail) from None
    if width * height > most_pixels:
        detail = f"{width}x{height} is above {most_pixels} pixels"
        raise RefusedError(422, "too_large", detail)


def refusal(reason: str, detail: str) -> RefusedError:
    """Return the error for a picture without a score."""
    return RefusedError(415 if reason in MEDIA else 422, reason, detail)


def overlay(pixels: Pixels, heat: npt.NDArray[np.float32]) -> str:
    """Draw a heat map [s, s] in [0, 1] over its crop uint8 [s, s, 3] in grey, and return a PNG data URI."""
    size = (SIDE, SIDE)
    grey = np.asarray(Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.BICUBIC), np.float32)
    shares = np.asarray(Image.fromarray(heat).resize(size, Image.Resampling.BILINEAR)).clip(0, 1)
    places = np.linspace(0, 1, len(RAMP))
    colours = np.stack([np.interp(shares, places, channel) for channel in RAMP.T], -1)
    mixed = grey[..., None] + 0.75 * shares[..., None] * (colours - grey[..., None])
    buffer = io.BytesIO()
    Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


class DetectorScorer:
    """Scores pictures with a detector from `unseen.load`; see `unseen.serve.page.app.Scorer`."""

    def __init__(self, detector: Detector, limits: Limits) -> None:
        """Read the scope and the model card.

        Raises:
            UserError: a file of the artifact is damaged.
        """
        loaded = detector.loaded
        self._limits, self._network = limits, _RecordingNetwork(loaded.network)
        self._heated: TorchNetwork | None = loaded.network if hasattr(loaded.network, "model") else None  # type: ignore[assignment]
        limited: Any = _LimitedFaces(loaded.face_detector, limits.faces)
        self._detector = Detector(dataclasses.replace(loaded, face_detector=limited, network=self._network))
        card = loaded.folder / "card.md"
        training_seed = loaded.card.get("training_seed")
        self._about = {
            "name": detector.name,
            "scope": detector.scope.as_dict(),
            "card": card.read_text("utf-8", errors="replace") if card.is_file() else "",
            "heat": self._heated is not None,
            "reasons": REASONS,
            "version": {"detector": detector.name, "kind": loaded.card.get("kind"), "training_seed": training_seed},
        }

    def about(self) -> dict[str, Any]:
        """Name, scope, model card, whether there are heat maps, and versions."""
        return self._about

    def answer(self, data: bytes, heat: bool) -> dict[str, Any]:
        """See `Scorer.answer`. With the backend `onnx`, `heat` has no effect, because there are no gradients."""
        check_header(data, self._limits.pixels)
        found = self._detector.predict(data)
        pixels, origin = self._network.taken(), found.provenance
        for one in found.not_scored:
            if one.box is None and one.reason != "no_face":
                raise refusal(one.reason, one.detail)
        answer = {
            **dataclasses.asdict(found),
            "detector": self._detector.name,
            "threshold": self._detector.threshold,
            "unsure": self._detector.unsure,
            "provenance": origin.as_dict() if origin else None,
        }
        if heat and pixels:
            decisions = [face.above_threshold for face in found.faces]
            for face, drawing in zip(answer["faces"], self._heat(pixels, decisions), strict=False):
                face["heat"] = drawing
        return answer

    def _heat(self, pixels: list[Pixels], decisions: list[bool]) -> list[str]:
        if self._heated is None:
            return []
        from unseen.explanations.heat import heat

        model, where = self._heated.model, self._heated.where
        drawings = []
        for one, fake in list(zip(pixels, decisions, strict=True))[:HEATED]:
            seen = np.array(model.view.first(one))
            drawings.append(overlay(seen, heat(model, seen[None], np.array([fake]), where)[0]))
        return drawings
