"""Params of the project of `growth.py`: two sources out of one archive, and two detectors."""

from typing import Any

SOURCE = {"archive": "growth", "use": "train"}
DETECTOR = {"train_on": {"reals": "faces/people", "fakes": "faces/known_fakes"}}
EMPTY = ("archives", "assets", "hub", "gans", "fakes", "autoencoders", "twins", "captions", "diffuse", "ensembles")

PARAMS: dict[str, Any] = {
    "seed": 1,
    "training_seeds": 1,
    "split": {"seed": 1},
    "faces": {},
    **{name: {} for name in EMPTY},
    "sources": {
        "reals": {
            **{**SOURCE, "members": "real/*", "group": "people", "label": "real"},
            "identity": "p([0-9]+)_",
        },
        "fakes": {
            **{**SOURCE, "members": "fake/*", "group": "known_fakes", "label": "fake"},
            "generator": "enlarged",
        },
    },
    "calibration": {},
    "detectors": {
        "efficientnet_lite0": {
            **{**DETECTOR, "kind": "efficientnet_lite0", "weights": "assets/efficientnet_lite0"},
            **{"steps": 30, "validate_every": 30},
        },
        "dct_logistic": {**DETECTOR, "kind": "dct_logistic", "weights": "none"},
    },
    "leave_one_out": {"detectors": [], "generators": []},
    "evaluation_sets": {
        "reals": {"data": "faces/people/reals", "split": "test"},
        "fakes": {"data": "faces/known_fakes/fakes", "split": "test"},
    },
    "evaluation": {"pairs": {}},
    "robustness": {},
    "explanations": {"weights": "none", "measured": 4},
    "speed": {"set": "reals", "seconds": 0.1},
    "audit": {},
}
