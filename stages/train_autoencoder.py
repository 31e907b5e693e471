"""Train an autoencoder on the train split of its sets: `train_autoencoder.py AUTOENCODER`."""

import csv
from pathlib import Path

import _stage

import torch

from unseen.autoencoders.reconstruct import build_autoencoder, fit_autoencoder, save, twins_of
from unseen.autoencoders.settings import AutoencoderSettings
from unseen.core.files import atomic_file, write_metrics
from unseen.core.runtime import Scratch, prepare
from unseen.core.settings import read_block
from unseen.data.pictures import grid, load_faces
from unseen.data.shards import sets_for_fitting
from unseen.gans.shared.artifact import load_gan
from unseen.gans.shared.reals import Reals

MEASURED = 256
"""Held-back faces for measuring the error."""

GRID = 8


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["autoencoders", name], AutoencoderSettings)
    seed = read_block(_stage.PARAMS, ["seed"], int)
    sets = sets_for_fitting(Path("data/sets", settings.train_on))
    faces, held_back = load_faces(sets, ["train"], ["source"]), load_faces(sets, ["val"], ["source"])
    gan = None if settings.weights == "none" else load_gan(Path("models", settings.weights))
    net = build_autoencoder(settings, faces.pixels.shape[1], gan, seed)
    shown = torch.from_numpy(held_back.pixels[:MEASURED]).permute(0, 3, 1, 2)
    key = [settings.model_dump(), seed, [face_set.fingerprint() for face_set in sets], gan.card if gan else None]
    scratch = Scratch(_stage.SCRATCH, f"autoencoder-{name}", key)
    history = fit_autoencoder(
        net=net, reals=Reals(faces.pixels, prepare()), held_back=shown, settings=settings, seed=seed, scratch=scratch
    )

    save(Path("models/autoencoders", name), name, net, faces.counts("source"))
    metrics = Path("metrics/autoencoders", name)
    with atomic_file(metrics / "errors.csv") as part, part.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
    first = shown[: 2 * GRID]
    pairs = torch.stack([side.reshape(-1, GRID, *side.shape[1:]) for side in (first, twins_of(net, first))], 1)
    with atomic_file(metrics / "twins.png") as part:
        grid(pairs.reshape(-1, *first.shape[1:]).permute(0, 2, 3, 1).numpy(), GRID).save(part, "PNG")
    write_metrics(metrics / "summary.json", {**history[-1], "real_faces": len(faces)})
    scratch.clear()


if __name__ == "__main__":
    _stage.run(main)
