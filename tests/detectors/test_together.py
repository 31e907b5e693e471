"""Two processes that train one detector together do what one does."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import nn

from two_processes import results_of_two
from unseen.core.parallel import Parallel, synchronised
from unseen.data.pictures import Faces
from unseen.detectors.shared import loop

from .networks import Normless, copied, same, task

STEADY = {"steps": 8, "frozen_steps": 2, "batch": 12, "optimizer": "sgd", "learning_rate": 0.1}
KNOBS = STEADY | {"paired": True, "mix": {"pixels": 0.5, "frequencies": 0.5, "most": 0.8}}

CHILD = """
import json, sys
from types import ModuleType

sys.modules["timm"] = ModuleType("timm")  # seconds to import, and nobody asks it for a network
from pathlib import Path
import numpy as np
import pytest
import torch
from torch import distributed
from detectors.networks import Normless, Tiny, copied, task
from stops import Interruption, stop_after
from unseen.detectors.shared import loop
from unseen.core.errors import UserError
from unseen.data.pictures import Faces

rank, folder, knobs = int(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
columns = json.loads((folder / "columns.json").read_text())
faces = [Faces(np.load(folder / f"{name}.npy"), columns[name]) for name in ("train", "val")]
distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)


def fitted(name, **changed):
    model = Normless()
    history = loop.fit(model, task(faces, folder / name, **{**knobs, **changed}))
    return {"history": history, "state": copied(model)}


def refusal(model, **changed):
    try:
        loop.fit(model, task(faces, folder / "refused", **{**knobs, **changed}))
    except UserError as error:
        return str(error)
    return ""


results = {"whole": fitted("whole")}
with pytest.MonkeyPatch.context() as patch:
    stop_after(3, loop, patch)
    try:
        fitted("cut")
    except Interruption:
        distributed.barrier()
results["gone on"] = fitted("cut")
with pytest.MonkeyPatch.context() as patch:  # the two disagree on which validation was the best
    losses = iter([0.5, 0.6, 0.7, 0.8] if rank == 0 else [0.8, 0.7, 0.6, 0.5])
    patch.setattr(loop, "_validation_loss", lambda *_: next(losses))
    results["disagreed"] = fitted("disagreed", patience=2, frozen_steps=0)
refused = {"batch": refusal(Normless(), batch=6), "norm": refusal(Tiny())}
with pytest.MonkeyPatch.context() as patch:  # one of them alone is told to stop
    if rank == 1:
        patch.setenv("UNSEEN_STOP_AFTER", "0")
    refused["stop"] = refusal(Normless())
torch.save(results, folder / f"{rank}.pt")
(folder / f"{rank}.json").write_text(json.dumps(refused))
distributed.destroy_process_group()
"""


@dataclass
class Together:
    """What each of the two processes left, and what one alone does."""

    results: list[dict[str, dict[str, Any]]]
    refused: list[dict[str, str]]
    alone: dict[str, Any]


@pytest.fixture(scope="module")
def together(faces: tuple[Faces, Faces], tmp_path_factory: pytest.TempPathFactory) -> Together:
    folder = tmp_path_factory.mktemp("parallel")
    train, val = (Faces(one.pixels, dict(one.columns)) for one in faces)
    half = len(train) // 2
    train.columns["id"] = [f"face/{row}" for row in range(2 * half)]
    train.columns["twin_of"] = [""] * half + [f"face/{row}" if row % 3 else "" for row in range(half)]
    for name, one in (("train", train), ("val", val)):
        np.save(folder / f"{name}.npy", one.pixels)
    (folder / "columns.json").write_text(json.dumps({"train": train.columns, "val": val.columns}))
    found = results_of_two(CHILD, folder, KNOBS)
    model = Normless()
    history = loop.fit(model, task((train, val), folder / "alone", **KNOBS))
    return Together(
        found,
        [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)],
        {"history": history, "state": copied(model)},
    )


def test_two_processes_give_the_losses_of_one(together: Together) -> None:
    for one in together.results:
        history = one["whole"]["history"]
        assert [row["step"] for row in history] == [2, 4, 6, 8]
        for row, alone in zip(history, together.alone["history"], strict=True):
            assert row == pytest.approx(alone, rel=1e-4)
    losses = [row["val_loss"] for row in together.alone["history"]]
    assert max(losses) - min(losses) > 3e-3, "thirty times what they may differ by"


def test_two_processes_give_the_weights_of_one(together: Together) -> None:
    for name, value in together.results[0]["whole"]["state"].items():
        torch.testing.assert_close(value, together.alone["state"][name], atol=1e-4, rtol=1e-3)


def test_both_processes_have_the_same_weights_and_curves(together: Together) -> None:
    first, second = (one["whole"] for one in together.results)
    assert first["history"] == second["history"]
    assert same(first["state"], second["state"])


def test_two_processes_go_on_to_the_same_bytes(together: Together) -> None:
    for one in together.results:
        assert one["gone on"]["history"] == one["whole"]["history"]
        assert same(one["gone on"]["state"], one["whole"]["state"])


def test_the_first_process_decides_what_was_best(together: Together) -> None:
    first, second = (one["disagreed"] for one in together.results)
    assert [row["val_loss"] for row in first["history"]] == [0.5, 0.6, 0.7]
    assert second["history"] == first["history"], "or one would wait for the other forever"
    assert same(first["state"], second["state"])


def test_what_two_processes_can_not_share_is_one_line_in_each(together: Together) -> None:
    for refused in together.refused:
        assert refused["batch"] == "`batch` is 6, which can't be divided among 2 processes; give a multiple of 4"
        assert refused["norm"] == "batch norm over several processes needs GPUs; set UNSEEN_PROCESSES=1 on the CPU"


def test_both_stop_at_one_step_when_one_is_told_to(together: Together) -> None:
    for refused in together.refused:
        assert refused["stop"] == "stopped at step 1 of 8; run it again to resume"


@pytest.mark.parametrize(("rank", "count"), [(0, 1), (1, 2), (2, 3)])
def test_a_slice_has_both_halves_of_a_pair(rank: int, count: int) -> None:
    parallel = Parallel()
    parallel.rank, parallel.count = rank, count
    places = list(range(24))[parallel.slice(24)]
    assert len(places) == 24 // count
    assert {place + 12 for place in places if place < 12} == {place for place in places if place >= 12}


def test_batch_norms_of_timm_keep_their_activations() -> None:
    """Torch's own conversion would replace a norm with its activation by a bare norm."""
    net = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0).eval()
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = net(pixels)
        converted = synchronised(net)
        assert torch.equal(converted(pixels), before)
    assert sum(isinstance(module, nn.SyncBatchNorm) for module in converted.modules()) == 49
    assert not any(type(module) is nn.BatchNorm2d for module in converted.modules())
