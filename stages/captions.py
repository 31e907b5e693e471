"""Describe real faces in words, for prompts: `captions.py TABLE`."""

from importlib.metadata import version
from pathlib import Path

import _stage

from unseen.core.json_files import write_metrics
from unseen.core.runtime import prepare
from unseen.core.scratch import Scratch
from unseen.core.settings import read_block
from unseen.data.shards import sets_below
from unseen.diffusion.captions.caption_set import caption_metrics, caption_rows, use_of
from unseen.diffusion.captions.captioner import Captioner
from unseen.diffusion.captions.checkpoint import CaptionCheckpoint
from unseen.diffusion.captions.settings import CaptionSettings
from unseen.diffusion.captions.table import write_captions
from unseen.diffusion.captions.zero_shot import ZeroShot


def main(name: str) -> None:
    settings = read_block(_stage.PARAMS, ["captions", name], CaptionSettings)
    sets = sets_below(Path("data/sets", settings.of))
    use = use_of(sets)
    device = prepare()
    captioner, zero_shot = Captioner(Path("models", settings.model), settings, device), None
    if settings.attribute_model != "none":
        zero_shot = ZeroShot(Path("models", settings.attribute_model), settings.attributes, device)
    folders = [one.folder for one in (captioner, zero_shot) if one]
    data = [[face_set.fingerprint() for face_set in sets], [folder.fingerprint() for folder in folders]]
    key = [settings.model_dump(), data, version("transformers"), version("tokenizers")]
    scratch = Scratch(_stage.SCRATCH, "captions", key)
    checkpoint = CaptionCheckpoint(scratch.shared(f"captions-{name}", key))
    rows = caption_rows(name, sets, captioner, zero_shot, settings.batch, checkpoint, scratch.every_s)
    write_captions(Path("data/captions", f"{name}.parquet"), rows, use)
    write_metrics(Path("metrics/captions", f"{name}.json"), caption_metrics(rows, use))
    checkpoint.clear()


if __name__ == "__main__":
    _stage.run(main)
