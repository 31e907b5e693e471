"""Draw a set of fakes from a trained GAN: `generate.py SET`."""

from pathlib import Path

import _stage

from unseen.faces.finder import Finder, with_dynamic_input
from unseen.faces.settings import FaceSettings
from unseen.files import write_metrics
from unseen.gans.artifact import load_gan
from unseen.gans.sample import sample_set
from unseen.gans.settings import FakeSettings
from unseen.settings import read_block
from unseen.splits import SplitSettings


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["fakes", name], FakeSettings)
    faces = read_block(_stage.PARAMS, ["faces"], FaceSettings)
    model = Path("models/assets/centerface/centerface.onnx").read_bytes()
    counts = sample_set(
        name,
        settings,
        load_gan(Path("models/gans", settings.gan)),
        Finder(with_dynamic_input(model), faces.find),
        faces,
        read_block(_stage.PARAMS, ["split"], SplitSettings),
        read_block(_stage.PARAMS, ["seed"], int),
        Path("data/fakes", settings.group, name),
    )
    write_metrics(Path("metrics/fakes", f"{name}.json"), counts)


if __name__ == "__main__":
    _stage.run(main)
