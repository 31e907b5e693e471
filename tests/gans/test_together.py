"""Two processes that train one GAN together give what one gives."""

import csv
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn

from conftest import ROOT
from faces_for_training import OrlFaces, encoded, stored
from two_processes import results_of_two
from unseen.core.parallel import Parallel
from unseen.gans.training.train import TrainedNetworks

from .tiny import same, same_states, settings, trained

KNOBS = {"images": 24, "sample_every": 16}

CHILD = """
import json, sys
from types import ModuleType

sys.modules["timm"] = ModuleType("timm")  # seconds to import, and nobody asks it for a network
from pathlib import Path
import numpy as np
import pytest
import torch
from torch import distributed
from gans.tiny import settings, trained
from stops import Interruption, stop_after
from unseen.core.errors import UserError
from unseen.gans.training import train as loop
from unseen.core.runtime import prepare

rank, folder, knobs = int(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
prepare()
faces = np.load(folder / "faces.npy")
distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)


def refusal(**changed):
    try:
        trained(faces, settings(**changed), folder / "refused")
    except UserError as error:
        return str(error)
    return ""


results = {"whole": vars(trained(faces, settings("r3gan", **knobs), folder / "whole"))}
with pytest.MonkeyPatch.context() as patch:
    stop_after(2, loop, patch)
    try:
        trained(faces, settings("r3gan", **knobs), folder / "cut")
    except Interruption:
        distributed.barrier()
results["gone on"] = vars(trained(faces, settings("r3gan", **knobs), folder / "cut"))
torch.save(results, folder / f"{rank}.pt")
refused = {"batch": refusal(**{**knobs, "kind": "r3gan", "batch": 9}), "norm": refusal(**{**knobs, "kind": "dcgan"})}
(folder / f"{rank}.json").write_text(json.dumps(refused))
distributed.destroy_process_group()
"""


@dataclass
class Together:
    """What each of the two processes left, and what one alone does."""

    results: list[dict[str, TrainedNetworks]]
    refused: list[dict[str, str]]
    alone: TrainedNetworks


@pytest.fixture(scope="module")
def together(orl_faces: OrlFaces, tmp_path_factory: pytest.TempPathFactory) -> Together:
    folder = tmp_path_factory.mktemp("parallel")
    np.save(folder / "faces.npy", orl_faces.small)
    found = results_of_two(CHILD, folder, KNOBS)
    return Together(
        [{name: TrainedNetworks(**result) for name, result in one.items()} for one in found],
        [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)],
        trained(orl_faces.small, settings("r3gan", **KNOBS), folder / "alone"),
    )


def test_two_processes_give_the_losses_and_the_penalty_of_one(together: Together) -> None:
    history = together.results[0]["whole"].history
    assert [row["step"] for row in history] == [2, 3]
    for row, alone in zip(history, together.alone.history, strict=True):
        for name in ("d_loss", "g_loss", "squared_gradient"):
            assert row[name] == pytest.approx(alone[name], rel=1e-4), name
    assert together.alone.history[0]["squared_gradient"] > 1e-3


def test_two_processes_give_the_weights_of_one(together: Together) -> None:
    for net in ("generator", "discriminator"):
        for name, value in together.results[0]["whole"].states[net].items():
            torch.testing.assert_close(value, together.alone.states[net][name], atol=2e-3, rtol=0)


def test_both_processes_have_the_same_weights_and_one_of_them_judges(together: Together) -> None:
    first, second = (one["whole"] for one in together.results)
    assert same_states(first.states, second.states)
    assert second.history == []


def test_two_processes_go_on_to_the_same_bytes(together: Together) -> None:
    for one in together.results:
        assert same_states(one["whole"].states, one["gone on"].states)
    assert same(together.results[0]["whole"], together.results[0]["gone on"])


def test_what_two_processes_can_not_share_is_one_line_in_each(together: Together) -> None:
    for refused in together.refused:
        assert refused["batch"] == "`batch` is 9, which can't be divided among 2 processes; give a multiple of 2"
        assert refused["norm"] == "batch norm over several processes needs GPUs; set UNSEEN_PROCESSES=1 on the CPU"


def test_one_process_shares_nothing() -> None:
    alone = Parallel()
    assert (alone.rank, alone.count) == (0, 1)
    alone.check(7)
    net, value = nn.BatchNorm2d(3), torch.arange(6.0)
    assert alone.networks(net)[0] is net
    assert torch.equal(alone.part(value)[0], value)
    alone.average([value, None])
    assert torch.equal(value, torch.arange(6.0))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_parts_are_the_whole_batch_and_of_one_size(count: int) -> None:
    drawn: list[Tensor] = [torch.arange(8), torch.arange(16).view(8, 2)]
    parts: list[Any] = []
    for rank in range(count):
        parallel = Parallel()
        parallel.rank, parallel.count = rank, count
        parts.append(parallel.part(*drawn))
    assert {len(one) for part in parts for one in part} == {8 // count}
    for number, whole in enumerate(drawn):
        assert torch.equal(torch.cat([part[number] for part in parts]), whole)


def stage(folder: Path, processes: int) -> list[dict[str, str]]:
    """The table of losses that the stage leaves, run by so many processes."""
    environment = {**os.environ, "UNSEEN_PROCESSES": str(processes), "UNSEEN_DEVICE": "cpu", "UNSEEN_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "stages/train_gan.py"), "dcgan"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("gan: 100% of 24 images") == 2, "one process measures, once for each training seed"
    with (folder / "metrics/gans/dcgan/losses.csv").open() as handle:
        return list(csv.DictReader(handle))


def test_the_stage_starts_as_many_processes_as_there_are_gpus(
    orl_faces: OrlFaces, tmp_path: Path, lite1_weights: Path, params_data: dict[str, Any]
) -> None:
    params_data["gans"]["dcgan"] = settings("r3gan", images=24, sample_every=16).model_dump()
    params_data["quality"]["samples"] = 16
    params_data["training_seeds"] = 2
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params_data))
    files = [encoded(face, quality=90) for face in orl_faces.small[:60]]
    splits = ["train" if number < 45 else "val" for number in range(60)]
    stored(tmp_path / "data/sets/faces/people/orl", files, orl_faces.people[:60], splits)  # type: ignore[arg-type]
    (tmp_path / "models/assets").mkdir(parents=True)
    (tmp_path / "models/assets/efficientnet_lite1").symlink_to(lite1_weights)
    table = stage(tmp_path, 2)
    assert [(row["seed"], row["step"]) for row in table] == [("0", "2"), ("0", "3"), ("1", "2"), ("1", "3")]
    assert all(math.isfinite(float(row["d_loss"])) for row in table)
