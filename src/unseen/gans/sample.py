"""Draw a set of fakes from a trained GAN; they take the same road as every face."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from unseen.face_rows import Dropped, FaceRow
from unseen.faces.decode import BadPictureError
from unseen.faces.finder import Finder
from unseen.faces.gather import face_row
from unseen.faces.road import walk
from unseen.faces.rules import Facts
from unseen.faces.settings import FaceSettings
from unseen.gans.artifact import TrainedGan
from unseen.gans.networks import samples
from unseen.gans.settings import FakeSettings
from unseen.pictures import Pixels
from unseen.progress import progress
from unseen.runtime import generator, prepare
from unseen.shards import write_set
from unseen.splits import SplitSettings, split_of

BATCH = 64


def _draw(gan: TrainedGan, name: str, settings: FakeSettings, seed: int) -> Iterator[list[bytes]]:
    """Samples as lossless PNG files, a batch at a time: what a generator gives, before the road."""
    device = prepare()
    net = gan.network("Generator", settings.snapshot).to(device)
    for first in range(0, settings.count, BATCH):
        latents = torch.randn(BATCH, gan.settings.latent, generator=generator(seed, "fakes", name, first))
        batch = samples(net, latents).permute(0, 2, 3, 1).contiguous().numpy()
        yield [png(pixels) for pixels in batch[: settings.count - first]]


def png(pixels: Pixels) -> bytes:
    """A drawn picture [h, w, 3] as a lossless file: what a generator gives, before the road."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def sample_set(
    name: str,
    settings: FakeSettings,
    gan: TrainedGan,
    finder: Finder,
    faces: FaceSettings,
    shares: SplitSettings,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """Write the face set of one set of fakes; a sample without a findable face is dropped and counted.

    Args:
        name: the set's name.
        settings: its knobs.
        gan: draws the fakes.
        finder: finds the faces, as in photos.
        faces: the road's knobs.
        shares: who goes to which split; each sample is a person of its own.
        seed: the run's seed.
        folder: where the set goes.

    Returns:
        The counts of `write_set`.
    """

    def rows() -> Iterator[FaceRow | Dropped]:
        drawn = (
            crop for batch in _draw(gan, name, settings, seed) for crop in walk(batch, finder, faces, seed, "whole")
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
