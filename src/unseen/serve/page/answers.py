"""The answer of the HTTP API for a picture, from the Python API: limits before scoring, heat maps after it."""

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
"""Reasons with the status 415; other reasons without a box have 422, except `no_face`."""

HEATED = 8
"""Faces of a picture with a heat map, at most: each needs one to 50 runs of the network."""

SIDE = 192
"""Side of a heat map in pixels."""

RAMP = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], np.float32)
"""Colours from no heat to most heat: matplotlib's `inferno` at five places."""


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


class _Remembered:
    """A network that remembers, for each thread, the faces it has seen last. Heat maps need them."""

    def __init__(self, network: Network) -> None:
        self.threads = network.threads
        self._network, self._last = network, threading.local()

    def logits(self, pixels: Sequence[Pixels]) -> npt.NDArray[np.float64]:
        """See `Network.logits`."""
        self._last.pixels = list(pixels)
        return self._network.logits(pixels)

    def taken(self) -> list[Pixels]:
        """The faces of the last call in this thread; forgets them."""
        found, self._last.pixels = getattr(self._last, "pixels", []), []
        return found


def check_header(data: bytes, most_pixels: int) -> None:
    """Check what the file's header says, before anything is decoded.

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
    """The response for a picture that has no score."""
    return RefusedError(415 if reason in MEDIA else 422, reason, detail)


def drawn(pixels: Pixels, heat: npt.NDArray[np.float32]) -> str:
    """A heat map [s, s], 0 to 1, over its crop uint8 [s, s, 3] in grey, as the data URI of a PNG."""
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
    """Scores pictures with a detector of `unseen.load`; see `unseen.serve.page.app.Scorer`."""

    def __init__(self, detector: Detector, limits: Limits) -> None:
        """Reads the scope and the model card.

        Raises:
            UserError: a file of the artifact is damaged.
        """
        loaded = detector.loaded
        self._limits, self._network = limits, _Remembered(loaded.network)
        self._heated: TorchNetwork | None = loaded.network if hasattr(loaded.network, "model") else None  # type: ignore[assignment]
        limited: Any = _LimitedFaces(loaded.face_detector, limits.faces)
        self._detector = Detector(dataclasses.replace(loaded, face_detector=limited, network=self._network))
        card = loaded.folder / "card.md"
        training_seed = loaded.card.get("training_seed")
        self._about = {
            "name": detector.name,
            "scope": detector.scope.as_dict(),
            "card": card.read_text("utf-8") if card.is_file() else "",
            "heat": self._heated is not None,
            "reasons": REASONS,
            "version": {"detector": detector.name, "kind": loaded.card.get("kind"), "training_seed": training_seed},
        }

    def about(self) -> dict[str, Any]:
        """Name, scope, model card, whether there are heat maps, and versions."""
        return self._about

    def answer(self, data: bytes, heat: bool) -> dict[str, Any]:
        """See `Scorer.answer`. With an ONNX backend, `heat` has no effect: it has no gradients."""
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
            drawings.append(drawn(seen, heat(model, seen[None], np.array([fake]), where)[0]))
        return drawings
