"""Sample a set of fakes from a trained GAN: `generate.py SET`."""

from pathlib import Path

import _stage

from unseen.core.json_files import write_metrics
from unseen.core.settings import read_block
from unseen.core.training_seeds import seeds_in
from unseen.data.splits import SplitSettings
from unseen.faces.detect import FaceDetector, with_dynamic_input
from unseen.faces.settings import FaceSettings
from unseen.gans.sampling.sample import sample_set
from unseen.gans.shared.artifact import load_gan
from unseen.gans.shared.settings import FakeSettings


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["fakes", name], FakeSettings)
    faces = read_block(_stage.PARAMS, ["faces"], FaceSettings)
    model = Path("models/assets/centerface/centerface.onnx").read_bytes()
    counts = sample_set(
        name=name,
        settings=settings,
        gans={seed: load_gan(path) for seed, path in seeds_in(Path("models/gans", settings.gan)).items()},
        face_detector=FaceDetector(with_dynamic_input(model), faces.detect),
        faces=faces,
        splits=read_block(_stage.PARAMS, ["split"], SplitSettings),
        seed=read_block(_stage.PARAMS, ["seed"], int),
        folder=Path("data/fakes", settings.group, name),
    )
    write_metrics(Path("metrics/fakes", f"{name}.json"), counts)


if __name__ == "__main__":
    _stage.run(main)
