"""Features of a frozen network, cached in shards below the scratch folder, so that a killed run can resume, and
another head on the same features needs no computation."""

import hashlib
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL
import safetensors
import timm
import torch
from safetensors.numpy import save
from torch import nn

from unseen.core.files import atomic_file
from unseen.core.prefetch import prefetch
from unseen.core.progress import progress
from unseen.core.runtime import generator, half, has_idle_core
from unseen.core.scratch import Scratch
from unseen.core.stop import Stop
from unseen.data.pictures import Faces, Pixels
from unseen.detectors.shared.augment import augmented, random_numbers
from unseen.detectors.shared.backbone import Backboned
from unseen.detectors.shared.logits import as_batch
from unseen.detectors.shared.settings import AugmentSettings
from unseen.detectors.shared.views import DRAWS

SHARD = 64
"""Faces per shard. A killed run loses at most one shard."""

Features = npt.NDArray[np.float32]


def cached_features(
    model: Backboned, faces: Faces, views: int, augment: AugmentSettings | None, seed: int, scratch: Scratch
) -> Features:
    """Features [n, views, d] of faces; the first view is not augmented.

    A shard that is damaged or has other inputs is computed again, and a line is printed.

    Args:
        model: on the device to use; only its `features` method is called.
        faces: decoded one shard at a time, with prefetch.
        views: images per face.
        augment: augmentation of the other views, by random numbers from seed, row and view.
        seed: seed of the augmentation.
        scratch: folder of the shards.

    Raises:
        StoppedError: the process was asked to stop; the next run resumes.
    """
    versions, network = [timm.__version__, PIL.__version__], weights_digest(model.network)
    made_by = [*versions, type(model).__qualname__, model.config, network]
    made_by += [] if model.view.fit is None else [model.view.as_dict()]
    changed = augment.model_dump() if augment else None
    # Without augmentation the features do not depend on the seed, so that all training seeds share them.
    key = [*made_by, views, changed, seed if augment else None, faces.fingerprint()]
    folder = scratch.shared("features", key)
    starts = range(0, len(faces), SHARD)
    files = [folder / f"part-{number:05d}.safetensors" for number in range(len(starts))]
    found = [_read(file, folder.name) for file in files]
    missing = [number for number, features in enumerate(found) if features is None]
    if len(missing) < len(found):
        print(f"features: {len(found) - len(missing)} of {len(found)} shards are cached", file=sys.stderr)

    def prepared(number: int, threads: Executor) -> tuple[int, list[Pixels]]:
        rows = range(starts[number], min(starts[number] + SHARD, len(faces)))
        if model.view.fit is None:
            pictures = list(faces.take(rows, threads))
        else:  # one picture at a time: the crops of a native set have different sides
            pictures = list(threads.map(lambda row: faces.take([row])[0], rows))
        return number, [_view(model, pictures, rows, view, augment, seed, threads) for view in range(views)]

    def computed() -> Iterator[int]:
        with Stop() as stop:
            for number, each in prefetch(missing, prepared, has_idle_core()):
                if stop.asked:
                    raise stop.error(f"shard {number} of {len(files)}")
                found[number] = np.stack([_features(model, view) for view in each], axis=1)
                _write(files[number], folder.name, found[number])
                yield number

    for _ in progress(computed(), "features", "shard", len(files), len(files) - len(missing)):
        pass
    return np.concatenate([features for features in found if features is not None])


def _view(
    model: Backboned,
    pictures: list[Pixels],
    rows: range,
    view: int,
    augment: AugmentSettings | None,
    seed: int,
    threads: Executor,
) -> Pixels:
    """A view of each picture [n, s, s, 3]: as it is scored, or for further views augmented."""

    def one(place: int) -> Pixels:
        if not view or augment is None:
            return model.view.first(pictures[place])
        random = generator(seed, "view", rows[place], view)
        changed = augmented(pictures[place], random_numbers(1, random)[0], augment)
        return model.view.in_training(changed, torch.rand(DRAWS, generator=random).tolist())

    return np.stack(list(threads.map(one, range(len(rows)))))


@torch.inference_mode()
def _features(model: Backboned, pixels: Pixels) -> Features:
    model.eval()
    device = next(model.parameters()).device
    with half(device):
        found = model.features(as_batch(pixels, device))
    return np.asarray(found.float().cpu().numpy())


def weights_digest(network: nn.Module) -> str:
    """SHA-256 of the names and values of a network's weights."""
    found = hashlib.sha256()
    for name, value in network.state_dict().items():
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().numpy())
    return found.hexdigest()


def _card(features: Features, made_for: str, file: Path) -> dict[str, str]:
    content = hashlib.sha256(np.ascontiguousarray(features).data).hexdigest()
    return {"features": f"{made_for}/{file.name} {content}"}  # one entry: safetensors does not fix the order


def _write(file: Path, made_for: str, features: Any) -> None:
    with atomic_file(file) as part:
        part.write_bytes(save({"features": features}, _card(features, made_for, file)))


def _read(file: Path, made_for: str) -> Features | None:
    """A shard's features, or None if it is missing, damaged or has other inputs."""
    if not file.exists():
        return None
    try:
        with safetensors.safe_open(file, "np") as part:
            features: Features = part.get_tensor("features")
            if part.metadata() == _card(features, made_for, file):
                return features
    except (safetensors.SafetensorError, OSError):
        pass
    print(f"{file}: damaged, or of other inputs; computing it again", file=sys.stderr)
    return None
