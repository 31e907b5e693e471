"""Xception with branches that are there only while it is fitted; a small network stands in for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from faces_for_training import OrlFaces, labelled, upsampled
from stops import Interruption, stop_after
from unseen.core.errors import UserError
from unseen.core.scratch import Scratch
from unseen.data.pictures import Faces
from unseen.detectors.kinds import xception_fair
from unseen.detectors.kinds.xception_fair import Branches, XceptionFair
from unseen.detectors.shared import loop
from unseen.detectors.shared.base import Task
from unseen.detectors.shared.logits import as_batch, logits_of

from .learning import BROKEN, LEARNED, PLAIN, easy, last_row
from .networks import copied, same
from .networks import knobs as network_knobs

CPU = torch.device("cpu")
Both = tuple[Faces, Faces]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xception_fair.Settings, "network", "test_resnet")
    monkeypatch.setattr(xception_fair, "FUSED", 32)


def grouped(faces: Faces) -> Faces:
    """Every third face is a woman's; every seventh has no group."""
    people: list[list[tuple[str, str]]] = [[("gender", "man")], [("gender", "man")], [("gender", "woman")]]
    found = [[] if row % 7 == 6 else people[row % 3] for row in range(len(faces))]
    return Faces(faces.pixels, {**faces.columns, "attributes": [*found]})


@pytest.fixture(scope="module")
def both(orl_faces: OrlFaces) -> Both:
    """Faces of 64 px, in groups."""
    train, val = orl_faces.large[:84], orl_faces.large[84:]
    return grouped(labelled(train, upsampled(train))), grouped(labelled(val, upsampled(val)))


def knobs(**changed: Any) -> xception_fair.Settings:
    values = network_knobs(weights="none", input_size=64).model_dump(exclude={"kind"})
    values |= {"kind": "xception_fair", "groups": ["gender"], "frozen_steps": 0, "steps": 4}
    return xception_fair.Settings.model_validate(values | changed)


def task(both: Both, scratch: Path, **changed: Any) -> Task:
    return Task(knobs(**changed), *both, 4, Scratch(scratch, "detector", 1))


def created(**changed: Any) -> XceptionFair:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = xception_fair.create(knobs(**changed), Path("models/none"), 64)
    assert isinstance(model, XceptionFair)
    return model


def branched(both: Both, **changed: Any) -> XceptionFair:
    model = created(**changed)
    groups = np.asarray([-1 if row % 7 == 6 else int(row % 3 == 2) for row in range(len(both[0]))])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model.branch(groups, 2)
        torch.nn.init.normal_(model.classifier[-1].weight)  # type: ignore[arg-type]
    return model.eval()


def loss_of(model: XceptionFair, both: Both, tmp_path: Path, rows: list[int], **changed: Any) -> torch.Tensor:
    pixels = as_batch(both[0].take(rows), CPU)
    labels = torch.from_numpy(both[0].labels[rows]).float()
    return model.loss(pixels, labels, np.asarray(rows), task(both, tmp_path, **changed))


def test_its_network_is_xception(monkeypatch: pytest.MonkeyPatch) -> None:
    """22,855,952 weights (Chollet 2017, table 3), of which 2048 x 1000 + 1000 were the classifier's."""
    monkeypatch.undo()
    with torch.device("meta"):
        model = xception_fair.restore({"backbone": xception_fair.Settings.network, "input_size": 256})
    assert sum(weight.numel() for weight in model.parameters()) == 22_855_952 - 2_049_000 + 2048 + 1


def test_it_learns_and_its_branches_go(tmp_path: Path) -> None:
    some = PLAIN | {"steps": 16, "learning_rate": 0.01, "optimizer": "adam"}
    train, val = easy(64)
    data = grouped(train), grouped(val)

    def learned(model: XceptionFair, **changed: float) -> float:
        return last_row(xception_fair.fit, model, knobs(**some | changed), tmp_path, data=data)["train_loss"]

    model = created()
    before = copied(model)
    assert learned(model) < LEARNED
    after = copied(model)
    assert set(after) == set(before)
    assert not torch.equal(after["classifier.1.weight"], before["classifier.1.weight"])
    assert learned(created(), learning_rate=BROKEN) > LEARNED


def test_every_loss_trains_its_own_branches(both: Both, tmp_path: Path) -> None:
    model = branched(both)
    off = {"fairness": 0.0, "demographic": 0.0, "reconstruction": 0.0, "contrastive": 0.0}
    everything = {"network", "classifier", "content", "demographic", "group", "narrow", "decoder"}
    for term, expected in (
        (None, {"network", "classifier"}),
        ("fairness", {"network", "classifier"}),
        ("contrastive", {"network", "classifier"}),
        ("demographic", {"network", "classifier", "demographic", "group"}),
        ("reconstruction", everything - {"group"}),
    ):
        model.zero_grad()
        loss_of(model, both, tmp_path, [0, 1, 2, 84, 85, 86], **off | ({term: 1.0} if term else {})).backward()
        moved = {
            name.removeprefix("branches.").split(".")[0]
            for name, weight in model.named_parameters()
            if weight.grad is not None and weight.grad.abs().sum() > 0
        }
        assert moved == expected, term


def test_the_fairness_loss_is_of_the_faces_in_groups(both: Both, tmp_path: Path) -> None:
    """Faces 0 and 84 are men, 2 is a woman, 6 is in no group. With `alpha` 1 it is the mean of both groups' means."""
    model, rows = branched(both), [0, 2, 6, 84]
    off = {"demographic": 0.0, "reconstruction": 0.0, "contrastive": 0.0}
    with torch.no_grad():
        logits = model(as_batch(both[0].take(rows), CPU))
        each = torch.nn.functional.softplus(logits * torch.tensor([1.0, 1.0, 1.0, -1.0]))
        even = loss_of(model, both, tmp_path, rows, fairness=2.0, alpha_groups=1.0, alpha_faces=1.0, **off)
        worst = loss_of(model, both, tmp_path, rows, fairness=2.0, alpha_groups=0.5, alpha_faces=0.5, **off)
    man, woman = (each[0] + each[3]) / 2, each[1]
    torch.testing.assert_close(even, each.mean() + 2 * (man + woman) / 2)
    torch.testing.assert_close(worst, each.mean() + 2 * max(each[0], each[3], each[1]))


def test_faces_in_no_group_give_every_weight_a_gradient(both: Both, tmp_path: Path) -> None:
    """Several processes average them, whoever's faces are in groups."""
    model = branched(both)
    loss = loss_of(model, both, tmp_path, [6, 13, 90, 97])
    assert loss.isfinite()
    loss.backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []
    assert model.branches is not None
    assert model.branches.group.weight.grad is not None
    assert not model.branches.group.weight.grad.any()


def test_reconstruction_uses_both_halves_forgeries() -> None:
    """Where both halves have the same, it is no matter whose; else it is."""
    torch.manual_seed(0)

    class Encoder(torch.nn.Module):
        num_features = 4

    branches = Branches(Encoder(), 2)
    x, maps = torch.rand(4, 3, 64, 64), torch.rand(4, 4, 2, 2)
    same_styles = maps[:2].repeat(2, 1, 1, 1)
    found = [branches.reconstruction(x, maps, maps, style) for style in (same_styles, maps)]
    own = [branches.reconstruction(x[[i]], maps[[i]], maps[[i]], same_styles[[i]]) for i in range(4)]
    torch.testing.assert_close(found[0], torch.stack(own).mean())
    assert not torch.isclose(found[1], found[0])


def test_scoring_ignores_the_other_branches(both: Both) -> None:
    model = branched(both)
    before = logits_of(model, both[1].pixels[:5], CPU)
    assert before.std() > 0
    assert model.branches is not None
    for weight in model.branches.parameters():
        torch.nn.init.normal_(weight)
    assert np.array_equal(logits_of(model, both[1].pixels[:5], CPU), before)
    model.branches = None
    again = xception_fair.restore(model.config)
    again.load_state_dict(model.state_dict())
    assert np.array_equal(logits_of(again, both[1].pixels[:5], CPU), before)


def test_going_on_ends_with_the_same_bytes(both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    whole, cut, again = created(), created(), created()
    history = xception_fair.fit(whole, task(both, tmp_path / "whole"))
    with monkeypatch.context() as patch:
        stop_after(2, loop, patch)
        with pytest.raises(Interruption):
            xception_fair.fit(cut, task(both, tmp_path / "cut"))
    torch.manual_seed(99)
    assert xception_fair.fit(again, task(both, tmp_path / "cut")) == history
    assert same(copied(again), copied(whole))


def test_faces_without_groups_are_one_line_before_the_first_step(
    both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(0, loop, monkeypatch)
    with pytest.raises(UserError, match="`groups` asks for race, but no real training face has it"):
        xception_fair.fit(created(), task(both, tmp_path, groups=["race"]))
