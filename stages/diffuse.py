"""Make a set of fakes of real faces with a diffusion model: `diffuse.py SET`."""

from pathlib import Path

import _stage

from unseen.core.json_files import write_metrics
from unseen.core.parallel import Parallel, start_processes
from unseen.core.runtime import prepare
from unseen.core.scratch import Scratch
from unseen.core.settings import read_block
from unseen.data.shards import check_sides, sets_below
from unseen.diffusion.captions.table import read_captions
from unseen.diffusion.fakes.blocks import Blocks
from unseen.diffusion.fakes.diffuse import Diffuse
from unseen.diffusion.fakes.gate import distances_of_reals, gate_of
from unseen.diffusion.fakes.gram import load_vgg19
from unseen.diffusion.fakes.model_files import files_hash, revision_of
from unseen.diffusion.fakes.pipeline import Painter
from unseen.diffusion.fakes.sets import check_reals, diffuse_set
from unseen.diffusion.fakes.settings import DiffuseSettings
from unseen.faces.detect import FaceDetector, with_dynamic_input
from unseen.faces.settings import FaceSettings


def main(name: str) -> None:
    start_processes()
    settings = read_block(_stage.PARAMS, ["diffuse", name], DiffuseSettings)
    faces = read_block(_stage.PARAMS, ["faces"], FaceSettings)
    seed = read_block(_stage.PARAMS, ["seed"], int)
    model, weights = Path("models", settings.model), Path("models", settings.gram_weights)
    centerface = Path("models/assets/centerface/centerface.onnx").read_bytes()
    captions = Path("data/captions", f"{settings.captions}.parquet")
    reals = sets_below(Path("data/sets", settings.of))
    check_sides(reals, faces)
    check_reals(name, settings, reals)
    device = prepare()
    gate, between_reals = None, []
    if settings.gram:
        network = load_vgg19(weights).to(device)
        between_reals = distances_of_reals(reals, network, settings.gram)
        gate = gate_of(settings.gram, network, between_reals)
    maker = Diffuse(
        name=name,
        settings=settings,
        painter=Painter(model, settings, device),
        gate=gate,
        captions=read_captions(captions, settings.use).values,
        revision=revision_of(model),
        face_detector=FaceDetector(with_dynamic_input(centerface), faces.detect),
        faces=faces,
        seed=seed,
    )
    data = [[face_set.fingerprint() for face_set in reals], *map(files_hash, (model, weights, captions))]
    key = [settings.model_dump(), faces.model_dump(), seed, data]
    blocks = Blocks(Scratch(_stage.SCRATCH, "diffuse", key).shared(f"diffuse-{name}", key))
    counts = diffuse_set(
        maker=maker,
        reals=reals,
        between_reals=between_reals,
        blocks=blocks,
        folder=Path("data/fakes", settings.group, name),
        parallel=Parallel(),
    )
    if counts:
        write_metrics(Path("metrics/fakes", f"{name}.json"), counts)
        blocks.clear()


if __name__ == "__main__":
    _stage.run(main)
