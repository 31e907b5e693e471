"""A run of many detectors and sets with drawn numbers, for `report_page.py`."""

import argparse
import io
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from growth_faces import photos, varied
from PIL import Image

from unseen.core.json_files import read_json, write_json, write_metrics
from unseen.data.face_rows import FaceRow
from unseen.data.pictures import grid
from unseen.data.predictions import write_predictions
from unseen.data.set_writer import write_set
from unseen.evaluation.evaluate import evaluate
from unseen.evaluation.scored import Frozen
from unseen.params.check import Params, load_params
from unseen.robustness.settings import RobustnessSettings

ROOT = Path(__file__).resolve().parents[1]
SEEDS = (0, 1, 2)
FACES = 300
"""Faces of a set."""

DISTINCT = 3
"""Detectors with results of their own. The others have these results under other names, which saves minutes."""


def names_of(arguments: argparse.Namespace) -> tuple[dict[str, int], list[str]]:
    """The label of each set, and the names of the detectors."""
    sets = {f"{'fakes' if n % 5 else 'reals'}_{n:02d}": int(n % 5 > 0) for n in range(arguments.sets)}
    return sets, [f"detector_{n:02d}" for n in range(arguments.detectors)]


def params_of(sets: dict[str, int], detectors: list[str]) -> dict[str, Any]:
    """Params of the run: the first set of each class trains."""
    params = yaml.safe_load((ROOT / "experiments/own.yaml").read_text(encoding="utf-8"))
    firsts = {label: next(name for name, one in sets.items() if one == label) for label in (0, 1)}
    uses = {name: "train" if name in firsts.values() else "held_out" for name in sets}
    groups = {name: f"{use}/{'fakes' if sets[name] else 'reals'}" for name, use in uses.items()}
    sources = {
        name: {
            **{"archive": "all", "members": f"{name}/*", "group": groups[name], "use": uses[name]},
            **({"label": "fake", "generator": name} if label else {"label": "real"}),
        }
        for name, label in sets.items()
    }
    training = {"reals": "faces/train/reals", "fakes": "faces/train/fakes"}
    detector = {"kind": "dct_logistic", "weights": "none", "train_on": training}
    return {
        **params,
        "training_seeds": len(SEEDS),
        "faces": {},
        "folders": {"all": {"path": "pictures"}},
        "sources": sources,
        "detectors": dict.fromkeys(detectors, detector),
        "evaluation_sets": {
            name: {
                "data": f"faces/{groups[name]}/{name}",
                "split": "test" if uses[name] == "train" else "all",
            }
            for name in sets
        },
        "evaluation": {"pairs": {}, "resamples": 100},
        "speed": {"set": firsts[0]},
    }


def rows(name: str, label: int, pictures: list[Image.Image]) -> Iterator[FaceRow]:
    """The faces of a set."""
    for number in range(FACES):
        jpeg = varied(pictures[number % len(pictures)], 64, bool(label), number)
        yield FaceRow(
            jpeg=jpeg,
            path=f"{number:06d}.jpg",
            label=label,
            generator=name if label else "",
            source=name,
            identity=f"{name}/{number}",
            split=("train", "val", "test")[number % 3],  # type: ignore[arg-type]
            sha256=f"{number:064x}",
            dhash="0" * 64,
            picture_dhash="0" * 64,
            width=256 + number,
            height=256,
            box=(0.0, 0.0, 64.0, 64.0),
            landmarks=(0.0,) * 10,
            detection_score=0.9,
            original={"format": "JPEG", "quality": str(75 + number % 20)},
        )


def predictions(root: Path, detector: int, name: str, sets: dict[str, int]) -> None:
    """Drawn predictions of a detector on all sets, and their metrics."""
    for number, (one, label) in enumerate(sets.items()):
        logits = np.random.default_rng([detector, number]).normal(2 * label - 1, 1.5, (len(SEEDS), FACES))
        columns: dict[str, list[object]] = {
            "id": [f"{one}/{i}" for i in range(FACES)],
            "sha256": [f"{i:064x}" for i in range(FACES)],
            **{"set": [one] * FACES, "source": [one] * FACES, "label": [label] * FACES},
            "identity": [f"{one}/{i}" for i in range(FACES)],
            "generator": [one if label else ""] * FACES,
            "attributes": [[] for _ in range(FACES)],
        }
        scores = 1 / (1 + np.exp(-logits / 1.5))
        parts = [
            {**columns, "seed": [seed] * FACES, "logit": logits[seed].tolist(), "score": scores[seed].tolist()}
            for seed in SEEDS
        ]
        write_predictions(root / "predictions" / name / f"{one}.parquet", parts)
    frozen = dict.fromkeys(SEEDS, Frozen(0.5, (0.4, 0.6), {"fpr_0_5": 0.99, "fpr_1": 0.97, "fpr_5": 0.9}))
    settings = load_params(root / "params.yaml").evaluation
    found = evaluate(root / "predictions" / name, list(sets), frozen, settings, 0)
    write_metrics(root / "metrics/detectors" / f"{name}.json", found.metrics)
    steps = np.arange(20, 620, 20)
    losses = [
        pd.DataFrame({"seed": s, "step": steps, "train_loss": 9 / steps, "val_loss": 12 / steps}) for s in SEEDS
    ]
    for kind, frame in {"roc": found.roc, "reliability": found.reliability, "training": pd.concat(losses)}.items():
        table(root / "metrics" / kind / f"{name}.csv", frame.assign(detector=name))


def table(file: Path, frame: pd.DataFrame) -> None:
    """Write a CSV file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(file, index=False, float_format="%.6f")


def others(root: Path, name: str, sets: dict[str, int], pictures: list[Image.Image]) -> None:
    """What the other stages leave of a detector: numbers that are drawn."""
    random = np.random.default_rng(len(name))
    steps = [("clean", 0.0), *RobustnessSettings.model_validate({}).changes.grid()]
    by_label = [[one for one, label in sets.items() if label == wanted] for wanted in (0, 1)]
    columns = ("auc", "balanced_accuracy", "tpr", "fpr", "shift_reals", "shift_fakes")
    changed = [
        {"detector": name, "pair": f"{fakes}_vs_{reals}", "change": change, "level": level}
        | dict(zip(columns, random.random(len(columns)), strict=True))
        | {"reals": 60, "fakes": 60}
        for reals, fakes in itertools.product(*by_label)
        for change, level in steps
    ]
    table(root / "metrics/robustness" / f"{name}.csv", pd.DataFrame(changed))
    shares = ("small_face", "degraded", "profile", "abstained", "rate", "rate_with_gate")
    gate = [
        {"set": one, "class": "fake" if label else "real", "change": change, "level": level, "faces": 60}
        | dict(zip(shares, random.random(len(shares)), strict=True))
        for one, label in sets.items()
        for change, level in steps
    ]
    table(root / "metrics/gate" / f"{name}.csv", pd.DataFrame(gate))
    inside = {"value": 0.75, "low": 0.5, "high": 0.875}
    outcome = {"heat_inside": inside, "area_inside": 0.6, "heat_beyond_area": inside, "n": 30, "people": 9}
    outcomes = dict.fromkeys(("true_positive", "true_negative", "false_negative", "false_positive"), outcome)
    folder = root / "metrics/explanations" / name
    write_metrics(folder / "heat.json", {"method": "grad_cam", "outcomes": outcomes, "groups": {}})
    drawn = [varied(photo, 64, False, number) for number, photo in enumerate(pictures[: 16 * 2 * len(sets)])]
    crops = np.stack([np.asarray(Image.open(io.BytesIO(data))) for data in drawn])
    grid(crops, 16).save(folder / "panels.png")
    grid(crops[:96], 16).save(folder / "neighbours.png")
    timed = {"device": "cpu", "ms_p50": 12.5, "ms_p95": 25.0, "n": 64, "peak_memory_mb": 512.0, "energy_j": None}
    measured = [
        {**timed, "what": what, "batch": batch, "images_per_second": 1 + 500 * random.random()}
        for what in ("model", "bytes_to_verdict")
        for batch in (1, 32)
    ]
    which = {"cpu": "a CPU", "cores": 2, "threads": 1, "gpu": "", "python": "3", "torch": "2", "system": "Linux"}
    write_json(
        root / "metrics/speed" / f"{name}.json",
        {"machine": which, "parameters": 12345, "flops": None, "side": 64, "measured": measured},
    )
    for stage in ("train_detector", "score", "evaluate", "robustness", "explain", "speed", "gate"):
        cost = {"stage": stage, "item": name, "seconds": 9.5, "cpu_seconds": 12.25, "peak_memory_mb": 700.0}
        where = {"device": "cpu", "machine": "a CPU, 2 cores", "commit": "0123456789abcdef", "changed": False}
        write_json(root / "metrics/costs" / stage / f"{name}.json", {**cost, **where})
    card = {"kind": "dct_logistic", "seed": 0, "parameters": 12345, "versions": {"python": "3", "torch": "2"}}
    firsts = {"generators": [by_label[1][0]]}
    write_json(
        root / "models/detectors" / name / "detector.json", card | {"trained_on": {"train": firsts, "val": firsts}}
    )


def copied(root: Path, of: str, name: str) -> None:
    """The results of a detector under another name."""
    for folder in ("metrics/detectors", "metrics/speed"):
        shutil.copy(root / folder / f"{of}.json", root / folder / f"{name}.json")
    for kind in ("roc", "reliability", "training", "robustness", "gate"):
        shutil.copy(root / "metrics" / kind / f"{of}.csv", root / "metrics" / kind / f"{name}.csv")
    for folder in ("metrics/explanations", "models/detectors"):
        shutil.copytree(root / folder / of, root / folder / name)
    for file in (root / "metrics/costs").glob(f"*/{of}.json"):
        write_json(file.with_name(f"{name}.json"), {**read_json(file), "item": name})


def write_run(root: Path, arguments: argparse.Namespace) -> Params:
    """Write all that a report reads."""
    sets, detectors = names_of(arguments)
    root.mkdir(parents=True, exist_ok=True)
    (root / "params.yaml").write_text(yaml.safe_dump(params_of(sets, detectors), sort_keys=False), encoding="utf-8")
    params = load_params(root / "params.yaml")
    pictures = photos(arguments.photos)
    for name, label in sets.items():
        use = params.sources[name].use
        folder = root / "data" / params.evaluation_sets[name].data
        write_metrics(
            root / f"metrics/faces/{name}.json", write_set(folder, name, use, label, rows(name, label, pictures))
        )
    kept = {
        name: {"kept": FACES, "left_out": {"same_file": 0, "same_picture": 0, "same_crop": 0, "same_original": 0}}
        for name in sets
    }
    write_metrics(root / "metrics/evaluation_sets.json", kept)
    write_metrics(root / "metrics/audit.json", {"pairs": {}, "failed": []})
    for number, name in enumerate(detectors):
        if number < DISTINCT:
            predictions(root, number, name, sets)
            others(root, name, sets, pictures)
        else:
            copied(root, detectors[number % DISTINCT], name)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (220, 220, 3), np.uint8)).save(
        root / "metrics/spectra.png"
    )
    return params
