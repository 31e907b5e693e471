"""Draw a set of fakes from a trained GAN, and preprocess them like all faces."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from unseen.core.progress import progress
from unseen.core.runtime import generator, prepare
from unseen.data.face_rows import Dropped, FaceRow
from unseen.data.pictures import Pixels
from unseen.data.shards import write_set
from unseen.data.splits import SplitSettings, split_of
from unseen.faces.decode import BadPictureError
from unseen.faces.detect import FaceDetector
from unseen.faces.gather import face_row
from unseen.faces.preprocess import preprocess_pictures
from unseen.faces.rules import Facts
from unseen.faces.settings import FaceSettings
from unseen.gans.shared.artifact import TrainedGan
from unseen.gans.shared.networks import samples
from unseen.gans.shared.settings import FakeSettings

BATCH = 64


def _draw(gan: TrainedGan, name: str, settings: FakeSettings, seed: int) -> Iterator[list[bytes]]:
    """Samples as PNG files, one batch at a time, before preprocessing."""
    device = prepare()
    net = gan.network("Generator", settings.snapshot).to(device)
    for first in range(0, settings.count, BATCH):
        latents = torch.randn(BATCH, gan.settings.latent, generator=generator(seed, "fakes", name, first))
        batch = samples(net, latents).permute(0, 2, 3, 1).contiguous().numpy()
        yield [png(pixels) for pixels in batch[: settings.count - first]]


def png(pixels: Pixels) -> bytes:
    """Encode a picture uint8 [h, w, 3] as PNG, which is lossless."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def sample_set(
    name: str,
    settings: FakeSettings,
    gan: TrainedGan,
    face_detector: FaceDetector,
    faces: FaceSettings,
    shares: SplitSettings,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """Write the face set of one set of fakes. Samples without a detected face are dropped and counted.

    Args:
        name: the set's name.
        settings: the set's settings.
        gan: the trained GAN.
        face_detector: the face detector, as for photos.
        faces: the preprocessing settings.
        shares: shares of the splits; each sample is its own identity.
        seed: the run's seed.
        folder: the folder to write.

    Returns:
        The counts of `write_set`.
    """

    def rows() -> Iterator[FaceRow | Dropped]:
        drawn = (
            crop
            for batch in _draw(gan, name, settings, seed)
            for crop in preprocess_pictures(batch, face_detector, faces, seed, "whole")
        )
        for number, crop in enumerate(progress(drawn, f"generate {name}", "fake", settings.count)):
            path = f"{number:06d}.png"
            if isinstance(crop, BadPictureError):
                yield Dropped(path, crop.reason, crop.detail)
                continue
            identity = f"{name}/{number:06d}"
            facts = Facts(identity, split_of(identity, shares, seed), {})
            yield face_row(crop, path, name, gan.name, facts)

    return write_set(folder, name, settings.use, 1, rows())
