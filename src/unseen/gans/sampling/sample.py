"""Draw a set of fakes from a trained GAN, and preprocess them like all faces."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from unseen.core.progress import progress
from unseen.core.runtime import generator, prepare
from unseen.core.training_seeds import ATTRIBUTE
from unseen.data.face_rows import Dropped, FaceRow
from unseen.data.pictures import Pixels
from unseen.data.set_writer import write_set
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


def _draw(gans: Mapping[int, TrainedGan], name: str, settings: FakeSettings, seed: int) -> Iterator[list[bytes]]:
    """Samples of the networks in turn as PNG files, in batches, before preprocessing."""
    device = prepare()
    nets = {key: gan.network("Generator", settings.snapshot).to(device) for key, gan in gans.items()}
    for first in range(0, settings.count, BATCH * len(nets)):
        drawn = []
        for training_seed, net in nets.items():
            random = generator(seed, "fakes", name, training_seed, first)
            drawn.append(samples(net, torch.randn(BATCH, gans[training_seed].settings.latent, generator=random)))
        batch = torch.stack(drawn, 1).flatten(0, 1).permute(0, 2, 3, 1).contiguous().numpy()
        yield [png(pixels) for pixels in batch[: settings.count - first]]


def png(pixels: Pixels) -> bytes:
    """Encode a picture uint8 [h, w, 3] as PNG, which is lossless."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def sample_set(
    name: str,
    settings: FakeSettings,
    gans: Mapping[int, TrainedGan],
    face_detector: FaceDetector,
    faces: FaceSettings,
    splits: SplitSettings,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """Write the face set of one set of fakes. Samples without a detected face are dropped and counted.

    Args:
        name: the set's name.
        settings: the set's settings.
        gans: the GAN's networks by training seed, which draw in turn.
        face_detector: the face detector, as for photos.
        faces: the preprocessing settings.
        splits: seed and shares of the splits; each sample is its own identity.
        seed: the run's seed.
        folder: the folder to write.

    Returns:
        The counts of `write_set`.
    """

    def rows() -> Iterator[FaceRow | Dropped]:
        drawn = (
            crop
            for batch in _draw(gans, name, settings, seed)
            for crop in preprocess_pictures(batch, face_detector, faces, seed, "whole")
        )
        makers = list(gans.items())
        for number, crop in enumerate(progress(drawn, f"generate {name}", "fake", settings.count)):
            training_seed, gan = makers[number % len(makers)]
            path = f"{number:06d}.png"
            if isinstance(crop, BadPictureError):
                yield Dropped(path, crop.reason, crop.detail)
                continue
            identity = f"{name}/{number:06d}"
            facts = Facts(identity, split_of(identity, splits), {ATTRIBUTE: str(training_seed)})
            yield face_row(crop, path, name, gan.name, facts)

    return write_set(folder, name, settings.use, 1, rows(), faces.native_side())
