"""The detectors of foundation.yaml and cpu_probe.yaml, with their own knobs on tiny networks and few steps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import timm
import torch

from faces_for_training import upsampled
from unseen.core.kinds import validated_kind
from unseen.core.scratch import Scratch
from unseen.core.yaml_text import read_yaml
from unseen.data.pictures import Faces
from unseen.detectors.shared.settings import CalibrationSettings
from unseen.detectors.shared.train import TrainingFaces, fit_detector

FILES = ["foundation", "cpu_probe"]
EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
BLOCKS = {file: read_yaml(EXPERIMENTS / f"{file}.yaml") for file in FILES}
RECIPES = [
    (file, name) for file in FILES for name, block in BLOCKS[file]["detectors"].items() if block["weights"] != "none"
]
SMALL = {"embed_dim": 48, "depth": 2, "num_heads": 3}
create_model = timm.create_model


def tiny(backbone: str, **options: Any) -> Any:
    """timm's network with two narrow blocks."""
    return create_model(backbone, **options, **SMALL)


def faces(count: int, seed: int) -> Faces:
    """Reals, their twins and whole fakes of two generators."""
    noise = np.random.default_rng(seed).integers(0, 160, (3 * count, 64, 64, 3), dtype=np.uint8)
    twins, whole = upsampled(noise[:count]) + 40, noise[2 * count :] // 2 + 90
    names = [f"people/{row}" for row in range(count)]
    columns: dict[str, list[object]] = {
        "id": [*names, *(f"twins/{row}" for row in range(count)), *(f"whole/{row}" for row in range(count))],
        "twin_of": [""] * count + list(names) + [""] * count,
        "label": [0] * count + [1] * 2 * count,
        "source": ["people"] * count + ["twins"] * count + ["whole"] * count,
        "generator": [""] * count + ["sd_vae"] * count + ["sd_turbo"] * count,
        "identity": names * 3,
        "sha256": [str(row) for row in range(3 * count)],
        "attributes": [[] for _ in range(3 * count)],
    }
    return Faces(np.concatenate([noise[:count], twins, whole]), columns)


def downloaded(folder: Path, settings: Any) -> Path:
    """What the stage `hub` would leave: a folder with the weights of a tiny network."""
    ready = settings.kind == "ready_checkpoint"
    network = tiny(settings.backbone, **({"num_classes": 1, "img_size": settings.input_size} if ready else {}))
    prefix = settings.prefix if ready else ""
    state = {f"{prefix}{name}": value.contiguous() for name, value in network.state_dict().items()}
    folder.mkdir(parents=True)
    safetensors.torch.save_file(state, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(("file", "name"), RECIPES)
def test_each_detector_of_the_recipes_runs(
    file: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timm, "create_model", tiny)
    block = dict(BLOCKS[file]["detectors"][name])
    if block["kind"] == "vit_lora":
        block |= {"steps": 2, "batch": 4, "validate_every": 2}
    if block["kind"] == "linear_probe":
        block |= {"views": 2}
    settings = validated_kind("detectors/kinds", block, f"detectors.{name}")
    assert settings.weights.removeprefix("hub/") in BLOCKS[file]["hub"]
    torch.manual_seed(0)
    weights = downloaded(tmp_path / settings.weights, settings)
    data = TrainingFaces(faces(6, 0), faces(4, 1))
    fitted = fit_detector(data, settings, CalibrationSettings(), weights, 1, Scratch(tmp_path / "scratch", name, 1))
    assert np.isfinite(np.asarray(fitted.validation["logit"], float)).all()
    assert bool(fitted.model.chosen) == (block["kind"] == "linear_probe")
    assert bool(fitted.history) == (block["kind"] == "vit_lora")


@pytest.mark.parametrize("file", FILES)
def test_each_recipe_says_what_it_needs_promises_and_has_shown_within_100_lines(file: str) -> None:
    text = (EXPERIMENTS / f"{file}.yaml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 100
    for word in ("Needs:", "disk", "GPU", "By the literature:", "Run here:", f"Use: cp experiments/{file}.yaml"):
        assert word in text
