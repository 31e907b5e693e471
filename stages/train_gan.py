"""Train a GAN on the train people of its group: `train_gan.py GAN`."""

import csv
from pathlib import Path

import _stage

from unseen.files import whole_file, write_metrics
from unseen.gans.artifact import save_gan
from unseen.gans.settings import GanSettings
from unseen.gans.train import train
from unseen.pictures import grid, load
from unseen.runtime import Scratch
from unseen.settings import read_block
from unseen.shards import sets_for_fitting


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["gans", name], GanSettings)
    seed = read_block(_stage.PARAMS, ["seed"], int)
    sets = sets_for_fitting(Path("data", settings.train_on))
    faces = load(sets, ["train"], ["source"])
    key = [settings.model_dump(), seed, [face_set.fingerprint() for face_set in sets]]
    scratch = Scratch(_stage.SCRATCH, f"gan-{name}", key)
    states, history, samples = train(faces.pixels, settings, seed, scratch)

    trained_on = {
        source: faces.columns["source"].count(source) for source in sorted(map(str, set(faces.columns["source"])))
    }
    metrics = Path("metrics/gans", name)
    with whole_file(metrics / "losses.csv") as part, part.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
    with whole_file(metrics / "samples.png") as part:
        grid(samples.flatten(0, 1).permute(0, 2, 3, 1).numpy(), samples.shape[1]).save(part, "PNG")
    write_metrics(metrics / "summary.json", {**history[-1], "real_faces": len(faces)})
    save_gan(Path("models/gans", name), name, settings, faces.pixels.shape[1], states, trained_on)
    scratch.clear()


if __name__ == "__main__":
    _stage.run(main)
