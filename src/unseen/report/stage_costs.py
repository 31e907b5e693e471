"""Reads what the stages cost, which are side files below metrics/costs."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from unseen.core.json_files import read_json
from unseen.params.check import Params

WITHOUT_ITEMS = {"packaged", "face_sets", "fake_sets", "evaluation_sets", "spectra", "audit", "summary"}


def _items(params: Params) -> dict[str, list[Collection[str]]]:
    """The names that may follow each stage in the path of its costs."""
    detectors, left_out = params.detectors, params.leave_one_out
    return {
        **{name: [] for name in WITHOUT_ITEMS},
        "download": [params.archives],
        "folder": [params.folders],
        "asset": [params.assets],
        "hub": [params.hub],
        "faces": [params.sources],
        "train_gan": [params.gans],
        "generate": [params.fakes],
        "train_autoencoder": [params.autoencoders],
        "twins": [params.twins],
        "captions": [params.captions],
        "diffuse": [params.diffuse],
        "train_detector": [detectors],
        "gate": [detectors],
        "score": [detectors],
        "evaluate": [detectors],
        "robustness": [detectors],
        "explain": [detectors],
        "speed": [detectors],
        "ensemble": [params.ensembles],
        "leave_one_out": [left_out.detectors, left_out.generators],
        "leave_one_out_matrix": [left_out.detectors],
    }


def is_current(params: Params, parts: tuple[str, ...]) -> bool:
    """Whether a costs file belongs to a stage and to items of params.

    Args:
        params: of the run.
        parts: steps of the file's path: `(stage,)`, `(stage, item)`, or `(leave_one_out, detector, generator)`.
    """
    stage, *items = parts
    known = _items(params).get(stage)
    if known is None or len(items) != len(known):
        return False
    return all(item in names for item, names in zip(items, known, strict=True))


def read_costs(folder: Path, params: Params) -> list[dict[str, Any]]:
    """Read the costs of stages, with `name` from the path: the stage and its items."""
    paths = sorted(folder.rglob("*.json"))
    paths = [path for path in paths if is_current(params, path.relative_to(folder).with_suffix("").parts)]
    return [{**read_json(path), "name": " ".join(path.relative_to(folder).with_suffix("").parts)} for path in paths]
