"""A set of fakes, each the twin of a real face, which differs from it in a generator's residue alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from unseen.autoencoders.autoencoder import Autoencoder
from unseen.autoencoders.reconstruct import twins_of
from unseen.autoencoders.settings import TwinSettings
from unseen.core.progress import progress
from unseen.data.face_rows import SCHEMA, Dropped, FaceRow
from unseen.data.pictures import decode_crop
from unseen.data.shards import FaceSet, write_set
from unseen.faces.decode import BadPictureError
from unseen.faces.detect import FaceDetector
from unseen.faces.gather import face_row
from unseen.faces.preprocess import preprocess_pictures
from unseen.faces.rules import Facts
from unseen.faces.settings import FaceSettings
from unseen.gans.sampling.sample import png

BATCH = 64


def twin_set(
    name: str,
    settings: TwinSettings,
    maker: str,
    net: Autoencoder,
    reals: list[FaceSet],
    face_detector: FaceDetector,
    faces: FaceSettings,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """Write the twins of every face of some sets.

    A twin is of the same person as its real and so in the same split; it is encoded with its real's own quality, and
    `twin_of` among its attributes is its real's id. One without a findable face is dropped and counted.

    Args:
        name: the set's name.
        settings: its knobs.
        maker: the autoencoder's name, which stands as the generator.
        net: draws the twins.
        reals: sets of real faces.
        face_detector: finds the faces, as in photos.
        faces: the preprocessing settings.
        seed: the run's seed.
        folder: where the set goes.

    Returns:
        The counts of `write_set`.
    """
    total = sum(face_set.counts["kept"] for face_set in reals)

    def rows() -> Iterator[FaceRow | Dropped]:
        for face_set in reals:
            for batch in face_set.batches(["train", "val", "test"], SCHEMA.names, BATCH):
                yield from _twins([FaceRow.from_record(record) for record in batch.to_pylist()])

    def _twins(originals: list[FaceRow]) -> Iterator[FaceRow | Dropped]:
        pictures = torch.stack([torch.from_numpy(decode_crop(row.jpeg).copy()).permute(2, 0, 1) for row in originals])
        drawn = twins_of(net, pictures, settings.low_frequencies, settings.spectrum)
        files = [png(pixels) for pixels in drawn.permute(0, 2, 3, 1).contiguous().numpy()]
        crops = preprocess_pictures(files, face_detector, faces, seed, "whole", [row.sha256 for row in originals])
        for row, crop in zip(originals, crops, strict=True):
            real = f"{row.source}/{row.path}"
            if isinstance(crop, BadPictureError):
                yield Dropped(real, crop.reason, crop.detail)
                continue
            facts = Facts(row.identity, row.split, {**row.attributes, "twin_of": real})
            yield face_row(crop, real, name, maker, facts)

    counted = progress(rows(), f"twins {name}", "twin", total)
    return write_set(folder, name, settings.use, 1, counted)
