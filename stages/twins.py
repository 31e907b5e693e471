"""Make the twins of real faces, their reconstructions by an autoencoder: `twins.py SET`."""

from pathlib import Path

import _stage

from unseen.autoencoders.makers import twin_makers
from unseen.autoencoders.settings import TwinSettings
from unseen.autoencoders.twins import twin_set
from unseen.core.json_files import write_metrics
from unseen.core.runtime import prepare
from unseen.core.settings import read_block
from unseen.data.shards import check_sides, sets_below
from unseen.faces.detect import FaceDetector, with_dynamic_input
from unseen.faces.settings import FaceSettings


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["twins", name], TwinSettings)
    faces = read_block(_stage.PARAMS, ["faces"], FaceSettings)
    model = Path("models/assets/centerface/centerface.onnx").read_bytes()
    device = prepare()
    reals = sets_below(Path("data/sets", settings.of))
    check_sides(reals, faces)
    counts = twin_set(
        name=name,
        settings=settings,
        makers=twin_makers(settings, Path("models"), device),
        reals=reals,
        face_detector=FaceDetector(with_dynamic_input(model), faces.detect),
        faces=faces,
        seed=read_block(_stage.PARAMS, ["seed"], int),
        folder=Path("data/fakes", settings.group, name),
    )
    write_metrics(Path("metrics/fakes", f"{name}.json"), counts)


if __name__ == "__main__":
    _stage.run(main)
