"""Train a GAN on the train split of its sets: `train_gan.py GAN`."""

import csv
from pathlib import Path

import _stage

import torch

from unseen.core.files import atomic_file, write_metrics
from unseen.core.kinds import read_kind
from unseen.core.parallel import Parallel, start_processes
from unseen.core.runtime import Scratch, prepare
from unseen.core.settings import read_block
from unseen.data.pictures import grid, load_faces
from unseen.data.shards import sets_for_fitting
from unseen.gans.shared.artifact import load_gan, save_gan
from unseen.gans.shared.reals import Reals
from unseen.gans.shared.settings import GanSettings, QualitySettings
from unseen.gans.training.gan_metrics import GRID, GanMetrics
from unseen.gans.training.inception import Inception
from unseen.gans.training.quality import Backbone
from unseen.gans.training.train import train


def main(name: str) -> None:
    start_processes()
    settings: GanSettings = read_kind(_stage.PARAMS, ["gans", name], "gans/architectures", "architecture")
    quality = read_block(_stage.PARAMS, ["quality"], QualitySettings)
    seed = read_block(_stage.PARAMS, ["seed"], int)
    sets = sets_for_fitting(Path("data/sets", settings.train_on))
    faces, held_back = load_faces(sets, ["train"], ["source"]), load_faces(sets, ["val"], ["source"])
    device = prepare()
    backbone = Backbone(Path("models/assets/efficientnet_lite1"), device)
    inception = None if quality.inception == "none" else Inception(Path("models", quality.inception), device)
    gan_metrics = GanMetrics(
        train=faces.pixels,
        held_back=held_back.pixels,
        settings=settings,
        seed=seed,
        count=quality.samples,
        backbone=backbone,
        inception=inception,
    )
    key = [settings.model_dump(), quality.model_dump(), seed, [face_set.fingerprint() for face_set in sets]]
    scratch = Scratch(_stage.SCRATCH, f"gan-{name}", key)
    trained = train(Reals(faces.pixels, device), gan_metrics, settings, seed, scratch)
    if Parallel().rank:
        return

    save_gan(
        folder=Path("models/gans", name),
        name=name,
        settings=settings,
        size=faces.pixels.shape[1],
        states=trained.states,
        data=faces.counts("source"),
    )
    metrics = Path("metrics/gans", name)
    with atomic_file(metrics / "losses.csv") as part, part.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(trained.history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(trained.history)
    neighbours = gan_metrics.neighbours(load_gan(Path("models/gans", name)).network("Generator").to(device))
    pairs = torch.stack([side.view(-1, GRID, *side.shape[1:]) for side in (neighbours.samples, neighbours.faces)], 1)
    for file, pictures in (("samples", trained.grid), ("neighbours", pairs)):
        with atomic_file(metrics / f"{file}.png") as part:
            grid(pictures.reshape(-1, *pictures.shape[-3:]).permute(0, 2, 3, 1).numpy(), GRID).save(part, "PNG")
    write_metrics(
        metrics / "summary.json", {**trained.history[-1], "copies": neighbours.copies, "real_faces": len(faces)}
    )
    scratch.clear()


if __name__ == "__main__":
    _stage.run(main)
