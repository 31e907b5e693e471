"""Draw the twins of real faces: `twins.py SET`."""

from pathlib import Path

import _stage

from unseen.faces.finder import Finder, with_dynamic_input
from unseen.faces.settings import FaceSettings
from unseen.files import write_metrics
from unseen.gans.reconstruct import load
from unseen.gans.settings import TwinSettings
from unseen.gans.twins import twin_set
from unseen.runtime import prepare
from unseen.settings import read_block
from unseen.shards import check_sides, sets_below


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["twins", name], TwinSettings)
    faces = read_block(_stage.PARAMS, ["faces"], FaceSettings)
    model = Path("models/assets/centerface/centerface.onnx").read_bytes()
    maker, net = load(Path("models/autoencoders", settings.autoencoder))
    reals = sets_below(Path("data/sets", settings.of))
    check_sides(reals, faces.side)
    counts = twin_set(
        name,
        settings,
        maker,
        net.to(prepare()),
        reals,
        Finder(with_dynamic_input(model), faces.find),
        faces,
        read_block(_stage.PARAMS, ["seed"], int),
        Path("data/fakes", settings.group, name),
    )
    write_metrics(Path("metrics/fakes", f"{name}.json"), counts)


if __name__ == "__main__":
    _stage.run(main)
