"""Train a GAN once for each training seed: `train_gan.py GAN`."""

import csv
from pathlib import Path

import _stage

import torch

from unseen.core.files import atomic_file, atomic_folder
from unseen.core.json_files import write_metrics
from unseen.core.kinds import read_kind
from unseen.core.parallel import Parallel, start_processes
from unseen.core.runtime import prepare
from unseen.core.settings import read_block
from unseen.core.training_seeds import seed_folder
from unseen.data.pictures import grid, load_faces
from unseen.data.shards import sets_for_fitting
from unseen.gans.shared.artifact import load_gan, save_gan
from unseen.gans.shared.reals import Reals
from unseen.gans.shared.settings import GanSettings, QualitySettings
from unseen.gans.training.finding import collapsed, finding
from unseen.gans.training.gan_metrics import GRID
from unseen.gans.training.inception import Inception
from unseen.gans.training.quality import Backbone
from unseen.gans.training.real_faces import RealFaces
from unseen.gans.training.trainings import fit_gans


def main(name: str) -> None:
    start_processes()
    settings: GanSettings = read_kind(_stage.PARAMS, ["gans", name], "gans/architectures", "architecture")
    quality = read_block(_stage.PARAMS, ["quality"], QualitySettings)
    sets = sets_for_fitting(Path("data/sets", settings.train_on))
    faces, held_back = load_faces(sets, ["train"], ["source"]), load_faces(sets, ["val"], ["source"])
    device = prepare()
    backbone = Backbone(Path("models/assets/efficientnet_lite1"), device)
    inception = None if quality.inception == "none" else Inception(Path("models", quality.inception), device)
    seeds = _stage.training_seeds()
    trainings = fit_gans(
        reals=Reals(faces.pixels, device),
        real_faces=RealFaces(
            train=faces.pixels,
            held_back=held_back.pixels,
            count=quality.samples,
            seed=seeds[0],
            backbone=backbone,
            inception=inception,
        ),
        settings=settings,
        seeds=seeds,
        scratch=_stage.SCRATCH,
        title=f"gan-{name}",
        data=[quality.model_dump(), [face_set.fingerprint() for face_set in sets]],
    )
    if Parallel().rank:
        return

    folder, metrics = Path("models/gans", name), Path("metrics/gans", name)
    with atomic_folder(folder) as part:
        for seed, (trained, _) in trainings.trained.items():
            save_gan(
                folder=seed_folder(part, seed),
                name=name,
                settings=settings,
                size=faces.pixels.shape[1],
                states=trained.states,
                data=faces.counts("source"),
            )
    rows = [{"seed": seed, **row} for seed, (trained, _) in trainings.trained.items() for row in trained.history]
    with atomic_file(metrics / "losses.csv") as part, part.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    found = {
        seed: measured.neighbours(load_gan(seed_folder(folder, seed)).network("Generator").to(device))
        for seed, (_, measured) in trainings.trained.items()
    }
    # The samples of the first training over time, and the last ones of the others.
    (first, measured), *others = trainings.trained.values()
    samples = torch.cat([first.grid, *(trained.grid[-1:] for trained, _ in others)])
    shown = next(iter(found.values()))
    pairs = torch.stack([side.view(-1, GRID, *side.shape[1:]) for side in (shown.samples, shown.faces)], 1)
    for file, pictures in (("samples", samples), ("neighbours", pairs)):
        with atomic_file(metrics / f"{file}.png") as part:
            grid(pictures.reshape(-1, *pictures.shape[-3:]).permute(0, 2, 3, 1).numpy(), GRID).save(part, "PNG")
    reference = measured.held_back()
    last = {
        str(seed): {
            **trained.history[-1],
            "copies": found[seed].copies,
            "collapsed": collapsed(trained.history[-1]),
            "finding": finding(trained.history[-1], reference),
        }
        for seed, (trained, _) in trainings.trained.items()
    }
    write_metrics(metrics / "summary.json", {"real_faces": len(faces), "held_back": reference, "seeds": last})
    trainings.clear()


if __name__ == "__main__":
    _stage.run(main)
