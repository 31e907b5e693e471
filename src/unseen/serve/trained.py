"""Detectors of this project with the interface of a plugin, which scores the main face of each picture."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unseen.core import environment
from unseen.core.errors import UserError
from unseen.core.prefetch import prefetch
from unseen.core.runtime import device, has_idle_core
from unseen.data.pictures import Pixels, decode_crop
from unseen.detectors.shared.logits import logits_of
from unseen.faces.decode import BadPictureError
from unseen.faces.preprocess import preprocess_pictures
from unseen.gate.limits import read_limits
from unseen.serve.detector_scope import scope_of
from unseen.serve.gate import outside
from unseen.serve.inputs import read
from unseen.serve.predict import BATCH
from unseen.serve.torch_network import open_detector
from unseen.serve.verdict import UNSURE, verdict_of

FaceOrReason = tuple[Pixels, str] | str
"""A face and the code of the first gate limit that it violates (empty for none), or the reason why there is no
face."""


class DetectorPlugin:
    """A detector that is loaded from its folder."""

    columns: tuple[str, ...] = ("logit", "score", "verdict")

    def __init__(self, folder: Path) -> None:
        """Load the detector.

        Raises:
            UserError: a file is missing or damaged.
        """
        self._detector, self._face_detector = open_detector(folder)
        self._gate = read_limits(folder)
        self.threshold: float | None = self._detector.calibration.threshold
        self.scope: dict[str, Any] = scope_of(self._detector).as_dict()

    def _main_face(self, path: str) -> FaceOrReason:
        """The preprocessed main face, with pixels uint8 [size, size, 3], or the reason why there is none."""
        detector = self._detector
        try:
            crop = preprocess_pictures(
                [read(path)], self._face_detector, detector.faces, detector.card["seed"], "found"
            )[0]
        except BadPictureError as bad:
            crop = bad
        except OSError as error:
            return f"unreadable: {error.strerror or error}"
        if isinstance(crop, BadPictureError):
            return f"{crop.reason}: {crop.detail}"
        pixels = decode_crop(crop.jpeg)
        return pixels, outside(crop.face, pixels, self._gate, detector.faces.scale)

    def answers(self, paths: Iterable[str]) -> Iterator[dict[str, float | str] | str]:
        """Yield for each path, in order, the logit before the temperature, score and verdict, or an error text.

        Raises:
            UserError: a logit is not finite.
        """
        torch.set_num_threads(environment.threads(1))  # other threads preprocess the next pictures
        where = device()
        model = self._detector.model.to(where)
        rest = iter(paths)
        batches = iter(lambda: list(islice(rest, BATCH)), [])

        def preprocessed(batch: list[str], threads: Executor) -> list[FaceOrReason]:
            return list(threads.map(self._main_face, batch))

        for results in prefetch(batches, preprocessed, has_idle_core()):
            faces = [one for one in results if not isinstance(one, str)]
            logits = logits_of(model, [pixels for pixels, _ in faces], where)
            if not np.isfinite(logits).all():
                raise UserError(f"{self._detector.folder}: gives scores that are not finite; train it again")
            frozen = self._detector.calibration
            scores = frozen.score(logits).tolist()
            verdicts = [
                UNSURE if why else verdict_of(score, frozen.threshold, frozen.unsure)
                for score, (_, why) in zip(scores, faces, strict=True)
            ]
            following = zip(logits.tolist(), scores, verdicts, strict=True)
            for one in results:
                yield one if isinstance(one, str) else dict(zip(self.columns, next(following), strict=True))
