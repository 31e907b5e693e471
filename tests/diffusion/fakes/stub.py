"""A maker of fakes without diffusers: what it makes of a face is the face with a mark."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diffusion.fakes.knobs import settings
from faces_for_training import OrlFaces, encoded, stored
from unseen.data.pictures import Pixels
from unseen.data.shards import FaceSet
from unseen.data.splits import Split
from unseen.diffusion.fakes.diffuse import Diffuse
from unseen.diffusion.fakes.gate import Gate
from unseen.diffusion.fakes.pipeline import Painted, Painter
from unseen.faces.detect import FaceDetector
from unseen.faces.settings import FaceSettings

SEED = 7
COUNT = 18
RECORD = {"model": "tiny", "steps": "10", "diffusers": "0"}


class Marker(Painter):
    """Brightens a square of a face; its place is the seed's. Counts its calls."""

    def __init__(self, change: Callable[[int, Pixels], Pixels | None] = lambda attempt, face: face) -> None:
        """`change` makes something else of the `attempt`-th try of a face, and None of one that is unsafe."""
        self.change, self.record, self.cpu = change, dict(RECORD), True
        self.calls: list[tuple[list[str], list[int]]] = []
        self._seen: dict[bytes, int] = {}

    def paint(self, prompts: Sequence[str], seeds: Sequence[int], reals: Sequence[Pixels]) -> Painted:
        self.calls.append((list(prompts), list(seeds)))
        made, unsafe = [], []
        for seed, real in zip(seeds, reals, strict=True):
            attempt = self._seen.get(real.tobytes(), 0)
            self._seen[real.tobytes()] = attempt + 1
            face = real.copy()
            x, y = seed % 60, seed // 60 % 60
            face[y : y + 4, x : x + 4] = 255
            found = self.change(attempt, face)
            unsafe.append(found is None)
            made.append(np.zeros_like(face) if found is None else found)
        return Painted(np.stack(made), unsafe)


def reals(folder: Path, faces: OrlFaces, count: int = COUNT, **options: Any) -> FaceSet:
    """Photos of 6 people."""
    files = [encoded(face, quality=90) for face in faces.large[:count]]
    splits: list[Split] = [*["train"] * 9, *["val"] * 3, *["test"] * 6]  # type: ignore[list-item]
    return stored(folder / "orl", files, faces.people[:count], splits[:count], **options)


def maker(
    detector: FaceDetector,
    faces: FaceSettings,
    painter: Painter,
    gate: Gate | None = None,
    captions: Mapping[str, Mapping[str, str]] | None = None,
    **changed: Any,
) -> Diffuse:
    """The maker of a set."""
    return Diffuse(
        name="fakes",
        settings=settings(**changed),
        painter=painter,
        gate=gate,
        captions=captions or {},
        revision="abc",
        face_detector=detector,
        faces=faces,
        seed=SEED,
    )
