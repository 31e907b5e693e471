"""A detector on disk: `weights.safetensors`, `detector.json` and the face detector of its training crops.

The folder holds everything that scoring needs. Evaluation adds `evaluation.json`. `parts` holds files of some kinds
for other tools, and `index.json` with their SHA-256.
"""

import importlib
import json
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch

from unseen.core.artifacts import WEIGHTS, damaged, read_artifact, read_recorded, recorded, write_weights
from unseen.core.calibration import Calibration
from unseen.core.code import code_hash
from unseen.core.errors import UserError
from unseen.core.files import atomic_file, atomic_folder, sha256_of
from unseen.core.garbage_collection import no_garbage_collection
from unseen.core.json_files import write_json
from unseen.core.settings import validated
from unseen.detectors.shared.base import Detector, Kind
from unseen.detectors.shared.views import View
from unseen.faces.settings import FaceSettings

FACE_DETECTOR = "face_detector.onnx"

SEEDS = "seeds"
"""The folder of the artifacts of all training seeds but the first."""

INDEX = "index.json"

KEYS = {"name": str, "kind": str, "config": dict, "faces": dict, "calibration": dict, "seed": int, "trained_on": dict}
"""Keys of a card, with their types."""

MAY_LACK = ("seed", "trained_on")
"""Keys that are optional, because scoring does not need them."""


@dataclass(frozen=True)
class TrainedDetector:
    """A detector that is ready to score, in evaluation mode on the CPU."""

    name: str
    model: Detector
    calibration: Calibration
    faces: FaceSettings
    card: dict[str, Any]
    folder: Path

    @property
    def generators(self) -> list[str]:
        """The generators whose fakes it was trained on."""
        return list(self.card.get("trained_on", {}).get("train", {}).get("generators", ()))

    @property
    def training_seed(self) -> int:
        """The training seed of the network."""
        return int(self.card.get("training_seed", 0))

    @property
    def face_detector(self) -> bytes:
        """The ONNX face detector, with free input size.

        Raises:
            UserError: the file is missing, can't be read, or is not the recorded one.
        """
        return read_recorded(self.folder / FACE_DETECTOR, self.card)


def save_detector(
    folder: Path, model: Detector, kind: str, calibration: Calibration, face_detector: bytes, card: dict[str, Any]
) -> None:
    """Write a detector's files, each atomically.

    Args:
        folder: the artifact's folder.
        model: the fitted network.
        kind: its file below src/unseen/detectors/kinds.
        calibration: temperature, thresholds and unsure band.
        face_detector: the ONNX face detector.
        card: name, faces, seed of the preprocessing, settings and trained_on.
    """
    module = importlib.import_module(f"unseen.detectors.kinds.{kind}")
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    card = {
        **card,
        "kind": kind,
        "config": model.config,
        "view": model.view.as_dict(),
        "calibration": calibration.as_dict(),
        "parameters": sum(weight.numel() for weight in model.state_dict().values() if weight.is_floating_point()),
        # `score` imports the kind by name; this hash makes it run again when that code changes
        "code": code_hash([module, *_shared(model)]),
        "versions": versions,
    }
    state = {key: value.cpu().contiguous() for key, value in model.state_dict().items()}
    with atomic_file(folder / WEIGHTS) as part:
        write_weights(part, state)
    with atomic_file(folder / FACE_DETECTOR) as part:
        part.write_bytes(face_detector)
    write_json(folder / "detector.json", {**card, "sha256": recorded(folder, WEIGHTS, FACE_DETECTOR)})
    with atomic_folder(folder / "parts") as part:
        for name, content in model.parts().items():
            (part / name).write_bytes(content)
        # most kinds have no parts, and DVC warns about empty folders
        write_json(part / INDEX, {name: sha256_of(part / name) for name in model.parts()})


def save_trainings(
    folder: Path,
    kind: str,
    networks: Mapping[int, tuple[Detector, Calibration]],
    face_detector: bytes,
    card: dict[str, Any],
) -> None:
    """Write the artifact of a detector that was trained from several seeds.

    `folder` is the artifact of the first training seed, and `folder`/seeds/K that of each other training seed K. The
    first card has the calibrations of all, under `trainings`.

    Args:
        folder: the artifact's folder.
        kind: its file below src/unseen/detectors/kinds.
        networks: the fitted network and its calibration by training seed, at least one.
        face_detector: the ONNX face detector.
        card: name, faces, seed of the preprocessing, settings and trained_on.
    """
    first, *others = networks
    with atomic_folder(folder / SEEDS) as part:
        for seed in others:
            model, calibration = networks[seed]
            save_detector(part / str(seed), model, kind, calibration, face_detector, {**card, "training_seed": seed})
        write_json(part / INDEX, {"seeds": others})  # DVC warns about empty folders
    trainings = {str(seed): calibration.as_dict() for seed, (_, calibration) in networks.items()}
    model, calibration = networks[first]
    save_detector(
        folder, model, kind, calibration, face_detector, {**card, "training_seed": first, "trainings": trainings}
    )


def load_trainings(folder: Path) -> Iterator[tuple[int, TrainedDetector]]:
    """Load the detector of each training seed, one after the other, the first one first.

    Raises:
        UserError: see `load_detector`; or the network of a training seed is missing.
    """
    first = load_detector(folder)
    own = first.card["training_seed"]
    yield own, first
    for seed in sorted(map(int, first.card.get("trainings", {}))):  # JSON has them in the order of text: 10, 11, 9
        if seed != own:
            yield seed, load_detector(folder / SEEDS / str(seed))


def _shared(model: Detector) -> list[ModuleType]:
    """The modules of the network's base classes, and `ela` if it is used; only some kinds import them."""
    names = {kind.__module__ for kind in type(model).__mro__} - {"unseen.detectors.shared.base"}
    names |= {"unseen.detectors.shared.ela"} if model.config.get("ela") else set()
    return [sys.modules[name] for name in sorted(names) if name.startswith("unseen.detectors.")]


def load_detector(folder: Path) -> TrainedDetector:
    """Load a detector from its folder.

    Raises:
        UserError: a file is missing, can't be read or is damaged, the weights are not those that the card records, or
            the kind is unknown.
    """
    card, state = read_artifact(folder, "detector.json")
    file = folder / "detector.json"
    try:
        for key, kind in KEYS.items():
            if key in MAY_LACK and key not in card:
                continue
            if not isinstance(card.get(key), kind) or isinstance(card[key], bool):
                raise ValueError(f"`{key}` is {json.dumps(card[key])[:80] if key in card else 'missing'}")
        _check_input_size(card)
        model = _kind(folder, card["kind"]).restore(card["config"])
        model.load_state_dict(state)
        model.view = View.from_dict(card.get("view", {}))
        faces = validated(FaceSettings, card["faces"], "detector.json: faces")
        calibration = Calibration.from_dict(card["calibration"])
        return TrainedDetector(card["name"], model.eval(), calibration, faces, card, folder)
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise damaged(file, error) from None


def _check_input_size(card: dict[str, Any]) -> None:
    """Check that the network has the input size of its settings. A network of another size would score all the same.

    Raises:
        ValueError: it has another.
    """
    settings = card.get("settings")
    of_settings = settings.get("input_size") if isinstance(settings, dict) else None
    of_network = card["config"].get("input_size")
    if None not in (of_settings, of_network) and of_settings != of_network:
        raise ValueError(f"`config.input_size` is {of_network}, but `settings.input_size` is {of_settings}")


def _kind(folder: Path, name: str) -> Kind:
    kind = None
    if name.isidentifier():  # the name comes from a file, and one with a dot would import another module
        try:
            with no_garbage_collection():
                kind = importlib.import_module(f"unseen.detectors.kinds.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"unseen.detectors.kinds.{name}":
                raise  # a package is missing; the error names it
    if not hasattr(kind, "restore"):
        raise UserError(f"{folder}: a detector of kind `{name}`, which this version does not know; update unseen")
    return cast(Kind, kind)
