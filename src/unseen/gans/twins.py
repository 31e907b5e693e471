"""A set of fakes, each the twin of a real face, which differs from it in a generator's residue alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from unseen.face_rows import SCHEMA, Dropped, FaceRow
from unseen.faces.decode import BadPictureError
from unseen.faces.finder import Finder
from unseen.faces.gather import face_row
from unseen.faces.road import walk
from unseen.faces.rules import Facts
from unseen.faces.settings import FaceSettings
from unseen.gans.autoencoder import Autoencoder
from unseen.gans.reconstruct import twins_of
from unseen.gans.sample import png
from unseen.gans.settings import TwinSettings
from unseen.pictures import decode_crop
from unseen.progress import progress
from unseen.shards import FaceSet, write_set

BATCH = 64


def twin_set(
    name: str,
    settings: TwinSettings,
    maker: str,
    net: Autoencoder,
    reals: list[FaceSet],
    finder: Finder,
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
        finder: finds the faces, as in photos.
        faces: the road's knobs.
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
        crops = walk(files, finder, faces, seed, "whole", [row.sha256 for row in originals])
        for row, crop in zip(originals, crops, strict=True):
            real = f"{row.source}/{row.path}"
            if isinstance(crop, BadPictureError):
                yield Dropped(real, crop.reason, crop.detail)
                continue
            facts = Facts(row.identity, row.split, {**row.attributes, "twin_of": real})
            yield face_row(crop, real, name, maker, facts)

    counted = progress(rows(), f"twins {name}", "twin", total)
    return write_set(folder, name, settings.use, 1, counted)
