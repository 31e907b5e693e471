"""Writes sets of twins: fakes that differ from real faces only in a generator's artifacts."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unseen.autoencoders.identity import before_encode
from unseen.autoencoders.reconstruct import twins_of
from unseen.autoencoders.settings import TwinSettings
from unseen.core.errors import UserError
from unseen.core.progress import progress
from unseen.core.training_seeds import ATTRIBUTE
from unseen.data.face_rows import SCHEMA, Dropped, FaceRow
from unseen.data.pictures import Pixels, decode_crop
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
    nets: Mapping[int, nn.Module],
    reals: list[FaceSet],
    face_detector: FaceDetector,
    faces: FaceSettings,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """Write the twins of every face of some sets.

    A twin has the identity, split, attributes and JPEG quality of its real face, whose id is in the attribute
    `twin_of`. Twins in which no face is found are dropped and counted.

    Args:
        name: name of the set.
        settings: settings of the set.
        maker: name of the autoencoder, which is stored as the generator.
        nets: the networks of the autoencoder by training seed, or `Identity` alone; the hash of a face decides which
            of them makes its twin.
        reals: sets of real faces.
        face_detector: face detector, the same as for photos.
        faces: settings of preprocessing.
        seed: seed of the run.
        folder: folder of the new set.

    Returns:
        The counts of `write_set`.

    Raises:
        UserError: a set is of fakes, or is held out although the twins train.
    """
    for face_set in reals:
        if face_set.label or (settings.use == "train" and face_set.use != "train"):
            what = "holds fakes" if face_set.label else "is held out, but its twins would train"
            raise UserError(f"{face_set.folder}: `{face_set.name}` {what}; correct `twins.{name}.of`")
    total = sum(face_set.counts["kept"] for face_set in reals)

    def rows() -> Iterator[FaceRow | Dropped]:
        for face_set in reals:
            for batch in face_set.batches(["train", "val", "test"], SCHEMA.names, BATCH):
                yield from _twins([FaceRow.from_record(record) for record in batch.to_pylist()])

    def _twins(originals: list[FaceRow]) -> Iterator[FaceRow | Dropped]:
        pictures = [torch.from_numpy(decode_crop(row.jpeg).copy()).permute(2, 0, 1) for row in originals]
        chosen = [list(nets)[int(row.sha256[:12], 16) % len(nets)] for row in originals]
        drawn: dict[int, Pixels] = {}
        batches: dict[tuple[int, int], list[int]] = {}  # the crops of a native set have different sides
        for place, (training_seed, picture) in enumerate(zip(chosen, pictures, strict=True)):
            batches.setdefault((training_seed, picture.shape[-1]), []).append(place)
        for (training_seed, _), places in batches.items():
            own = torch.stack([pictures[place] for place in places])
            twins = twins_of(nets[training_seed], own, settings.low_frequencies, settings.spectrum)
            drawn |= dict(zip(places, twins.permute(0, 2, 3, 1).contiguous().numpy(), strict=True))
        files = [png(before_encode(row.jpeg, drawn[place])) for place, row in enumerate(originals)]
        crops = preprocess_pictures(files, face_detector, faces, seed, "whole", [row.sha256 for row in originals])
        for row, training_seed, crop in zip(originals, chosen, crops, strict=True):
            real = f"{row.source}/{row.path}"
            if isinstance(crop, BadPictureError):
                yield Dropped(real, crop.reason, crop.detail)
                continue
            made = {"twin_of": real, ATTRIBUTE: str(training_seed)}
            facts = Facts(row.identity, row.split, {**row.attributes, **made})
            yield face_row(crop, real, name, maker, facts)

    counted = progress(rows(), f"twins {name}", "twin", total)
    return write_set(folder, name, settings.use, 1, counted, faces.native_side())
