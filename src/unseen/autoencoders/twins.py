"""Writes sets of twins: fakes that differ from real faces only in a generator's artifacts."""

from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import torch

from unseen.autoencoders.identity import before_encode
from unseen.autoencoders.makers import TwinMakers
from unseen.autoencoders.reconstruct import twins_of
from unseen.autoencoders.settings import TwinSettings
from unseen.core.errors import UserError
from unseen.core.prefetch import prefetch
from unseen.core.progress import progress
from unseen.core.runtime import generator, has_idle_core
from unseen.core.training_seeds import ATTRIBUTE
from unseen.data.face_rows import SCHEMA, Dropped, FaceRow
from unseen.data.pictures import Pixels, decode_crop
from unseen.data.set_writer import write_set
from unseen.data.shards import FaceSet
from unseen.faces.decode import BadPictureError
from unseen.faces.detect import FaceDetector
from unseen.faces.gather import face_row
from unseen.faces.preprocess import preprocess_pictures
from unseen.faces.rules import Facts
from unseen.faces.settings import FaceSettings
from unseen.gans.sampling.sample import png

BATCH = 64
"""Faces that are read, reconstructed and preprocessed together."""


def _chosen(makers: TwinMakers, row: FaceRow) -> int | None:
    """The training seed of the network that makes a face's twin: the hash of the face decides."""
    return list(makers.nets)[int(row.sha256[:12], 16) % len(makers.nets)]


def reconstruct(
    name: str, settings: TwinSettings, makers: TwinMakers, originals: list[FaceRow], crops: list[Pixels], seed: int
) -> list[Pixels]:
    """Twins of stored faces, uint8 [s, s, 3], each at the side of its face.

    A twin does not depend on the other faces: what it draws comes from the seed, the name of its set and the hash of
    its face.
    """
    groups: dict[tuple[int | None, tuple[int, ...]], list[int]] = {}
    for place, (row, crop) in enumerate(zip(originals, crops, strict=True)):
        groups.setdefault((_chosen(makers, row), crop.shape), []).append(place)
    twins: dict[int, Pixels] = {}
    for (training_seed, _), places in groups.items():
        pictures = torch.stack([torch.from_numpy(crops[place].copy()).permute(2, 0, 1) for place in places])
        randoms = [generator(seed, "twins", name, originals[place].sha256) for place in places]
        made = twins_of(
            net=makers.nets[training_seed],
            pictures=pictures,
            low_frequencies=settings.low_frequencies,
            spectrum=settings.spectrum,
            batch=settings.batch,
            randoms=randoms if makers.sampled else (),
        )
        twins |= zip(places, made.permute(0, 2, 3, 1).contiguous().numpy(), strict=True)
    return [twins[place] for place in range(len(originals))]


def twin_set(
    name: str,
    settings: TwinSettings,
    makers: TwinMakers,
    reals: list[FaceSet],
    face_detector: FaceDetector,
    faces: FaceSettings,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """Write the twins of every face of some sets.

    A twin has the identity, split, attributes and JPEG quality of its real face, whose id is in the attribute
    `twin_of`. Twins in which no face is found are dropped and counted. If cores are idle, the network works on the
    next faces while the last ones are preprocessed.

    Args:
        name: name of the set.
        settings: settings of the set.
        makers: the networks; the hash of a face decides which of them makes its twin.
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

    def batches() -> Iterator[list[FaceRow]]:
        for face_set in reals:
            for batch in face_set.batches(["train", "val", "test"], SCHEMA.names, BATCH):
                yield [FaceRow.from_record(record) for record in batch.to_pylist()]

    def files(originals: list[FaceRow], threads: Executor) -> tuple[list[FaceRow], list[bytes]]:
        crops = list(threads.map(decode_crop, (row.jpeg for row in originals)))
        twins = reconstruct(name, settings, makers, originals, crops, seed)

        def file(row: FaceRow, twin: Pixels) -> bytes:
            return png(before_encode(row.jpeg, twin))

        return originals, list(threads.map(file, originals, twins))

    def rows() -> Iterator[FaceRow | Dropped]:
        for originals, made in prefetch(batches(), files, has_idle_core()):
            crops = preprocess_pictures(made, face_detector, faces, seed, "whole", [row.sha256 for row in originals])
            for row, crop in zip(originals, crops, strict=True):
                real = f"{row.source}/{row.path}"
                if isinstance(crop, BadPictureError):
                    yield Dropped(real, crop.reason, crop.detail)
                    continue
                training_seed = _chosen(makers, row)
                by = {} if training_seed is None else {ATTRIBUTE: str(training_seed)}
                facts = Facts(row.identity, row.split, {**row.attributes, "twin_of": real, **by})
                yield face_row(crop, real, name, makers.generator, facts)

    counted = progress(rows(), f"twins {name}", "twin", total)
    return write_set(folder, name, settings.use, 1, counted, faces.native_side())
