"""Train an autoencoder once for each training seed: `train_autoencoder.py AUTOENCODER`."""

import csv
from functools import partial
from pathlib import Path

import _stage

import torch

from unseen.autoencoders.reconstruct import save, twins_of
from unseen.autoencoders.settings import AutoencoderSettings
from unseen.autoencoders.trainings import fit_autoencoders
from unseen.core.files import atomic_file, atomic_folder
from unseen.core.json_files import write_metrics
from unseen.core.runtime import prepare
from unseen.core.settings import read_block
from unseen.core.training_seeds import seed_folder
from unseen.data.fits import centre_crop
from unseen.data.pictures import grid, load_faces
from unseen.data.shards import sets_for_fitting
from unseen.gans.shared.reals import Reals

MEASURED = 256
"""Held-back faces for measuring the error."""

GRID = 8


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["autoencoders", name], AutoencoderSettings)
    sets = sets_for_fitting(Path("data/sets", settings.train_on))
    # Random places are not needed: an autoencoder of twins learns details, which are the same everywhere.
    fit = partial(centre_crop, side=settings.side) if settings.side else None
    faces, held_back = (load_faces(sets, [split], ["source"], fit) for split in ("train", "val"))
    reals = Reals(faces.pixels, prepare())
    shown = torch.from_numpy(held_back.pixels[:MEASURED]).permute(0, 3, 1, 2)
    trainings = fit_autoencoders(
        reals=reals,
        held_back=shown,
        settings=settings,
        weights=None if settings.weights == "none" else Path("models", settings.weights),
        seeds=_stage.training_seeds(),
        scratch=_stage.SCRATCH,
        title=f"autoencoder-{name}",
        data=[face_set.fingerprint() for face_set in sets],
    )

    with atomic_folder(Path("models/autoencoders", name)) as part:
        for seed, (net, _) in trainings.trained.items():
            save(seed_folder(part, seed), name, net, faces.counts("source"))
    metrics = Path("metrics/autoencoders", name)
    rows = [{"seed": seed, **row} for seed, (_, history) in trainings.trained.items() for row in history]
    with atomic_file(metrics / "errors.csv") as part, part.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    first = shown[: 2 * GRID]
    net, _ = next(iter(trainings.trained.values()))
    pairs = torch.stack([side.reshape(-1, GRID, *side.shape[1:]) for side in (first, twins_of(net, first))], 1)
    with atomic_file(metrics / "twins.png") as part:
        grid(pairs.reshape(-1, *first.shape[1:]).permute(0, 2, 3, 1).numpy(), GRID).save(part, "PNG")
    last = {str(seed): history[-1] for seed, (_, history) in trainings.trained.items()}
    write_metrics(metrics / "summary.json", {"real_faces": len(faces), "seeds": last})
    trainings.clear()


if __name__ == "__main__":
    _stage.run(main)
