"""Train an autoencoder once for each training seed: `train_autoencoder.py AUTOENCODER`."""

import csv
from functools import partial
from pathlib import Path

import _stage

import torch

from unseen.autoencoders.autoencoder import Autoencoder
from unseen.autoencoders.reconstruct import build_autoencoder, fit_autoencoder, save, twins_of
from unseen.autoencoders.settings import AutoencoderSettings
from unseen.core.files import atomic_file, atomic_folder, write_metrics
from unseen.core.runtime import Scratch, prepare
from unseen.core.settings import read_block
from unseen.core.training_seeds import seed_folder, start_folder
from unseen.data.fits import centre_crop
from unseen.data.pictures import grid, load_faces
from unseen.data.shards import sets_for_fitting
from unseen.gans.shared.artifact import load_gan
from unseen.gans.shared.reals import Reals

MEASURED = 256
"""Held-back faces for measuring the error."""

GRID = 8

History = list[dict[str, float]]


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["autoencoders", name], AutoencoderSettings)
    sets = sets_for_fitting(Path("data/sets", settings.train_on))
    # Random places are not needed: an autoencoder of twins learns details, which are the same everywhere.
    fit = partial(centre_crop, side=settings.side) if settings.side else None
    faces, held_back = (load_faces(sets, [split], ["source"], fit) for split in ("train", "val"))
    reals = Reals(faces.pixels, prepare())
    shown = torch.from_numpy(held_back.pixels[:MEASURED]).permute(0, 3, 1, 2)
    trainings: dict[int, tuple[Autoencoder, History]] = {}
    scratches = []
    for seed in _stage.training_seeds():
        start = None if settings.weights == "none" else start_folder(Path("models", settings.weights), seed)
        gan = load_gan(start) if start else None
        net = build_autoencoder(settings, faces.pixels.shape[1], gan, seed)
        key = [settings.model_dump(), seed, [face_set.fingerprint() for face_set in sets], gan.card if gan else None]
        scratches.append(Scratch(_stage.SCRATCH, f"autoencoder-{name}", key))
        history = fit_autoencoder(
            net=net, reals=reals, held_back=shown, settings=settings, seed=seed, scratch=scratches[-1]
        )
        trainings[seed] = net, history

    with atomic_folder(Path("models/autoencoders", name)) as part:
        for seed, (net, _) in trainings.items():
            save(seed_folder(part, seed), name, net, faces.counts("source"))
    metrics = Path("metrics/autoencoders", name)
    rows = [{"seed": seed, **row} for seed, (_, history) in trainings.items() for row in history]
    with atomic_file(metrics / "errors.csv") as part, part.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    first = shown[: 2 * GRID]
    net, _ = next(iter(trainings.values()))
    pairs = torch.stack([side.reshape(-1, GRID, *side.shape[1:]) for side in (first, twins_of(net, first))], 1)
    with atomic_file(metrics / "twins.png") as part:
        grid(pairs.reshape(-1, *first.shape[1:]).permute(0, 2, 3, 1).numpy(), GRID).save(part, "PNG")
    last = {str(seed): history[-1] for seed, (_, history) in trainings.items()}
    write_metrics(metrics / "summary.json", {"real_faces": len(faces), "seeds": last})
    for scratch in scratches:
        scratch.clear()


if __name__ == "__main__":
    _stage.run(main)
