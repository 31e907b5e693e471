"""The training loop of neural detectors, on real faces against the same faces with an artefact."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from faces_for_training import labelled
from unseen.detectors import logits, loop
from unseen.detectors.logits import as_batch, logits_of
from unseen.errors import UserError
from unseen.pictures import Faces
from unseen.runtime import Scratch

from .networks import Interruption, Tiny, copied, knobs, same, stop_after, task

CPU = torch.device("cpu")
Both = tuple[Faces, Faces]


def test_it_learns(faces: Both, tmp_path: Path) -> None:
    model = Tiny()
    history = loop.fit(model, task(faces, tmp_path, steps=100, frozen_steps=0, batch=16, validate_every=20))
    assert history[-1]["train_loss"] < 0.8 * history[0]["train_loss"]
    found = logits_of(model, faces[1].pixels, CPU)
    assert roc_auc_score(faces[1].labels, found) > 0.9, "positive for fake, on people it has not seen"


def test_a_row_for_each_validation_and_the_last_step(faces: Both, tmp_path: Path) -> None:
    history = loop.fit(Tiny(), task(faces, tmp_path))
    assert [row["step"] for row in history] == [2, 4, 6, 7]
    assert set(history[0]) == {"step", "learning_rate", "train_loss", "val_loss"}


def test_learning_rate_falls_along_half_a_cosine() -> None:
    rates = [loop._learning_rate(knobs(steps=100), step, []) for step in range(100)]
    assert rates[0] == 0.003
    assert rates[50] == pytest.approx(0.0015)
    assert rates[25] == pytest.approx(0.003 * (1 + math.cos(math.pi / 4)) / 2)
    assert rates[-1] < 1e-5
    assert rates == sorted(rates, reverse=True)


def test_frozen_steps_train_the_head_alone(faces: Both, tmp_path: Path) -> None:
    model = Tiny()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    loop.fit(model, task(faces, tmp_path, frozen_steps=7))
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name]) == name.startswith("trunk"), name


def test_after_the_frozen_steps_everything_is_trained(faces: Both, tmp_path: Path) -> None:
    model = Tiny()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    loop.fit(model, task(faces, tmp_path, frozen_steps=6, validate_every=7))
    assert not any(torch.equal(weight, before[name]) for name, weight in model.named_parameters())


def test_each_step_trains_on_other_faces(faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    monkeypatch.setattr(
        loop, "as_batch", lambda pixels, device: seen.append(pixels.tobytes()) or as_batch(pixels, device)
    )
    loop.fit(Tiny(), task(faces, tmp_path, frozen_steps=7, validate_every=7))
    assert len(set(seen)) == 7


def test_validation_loss_weighs_both_classes_the_same(faces: Both) -> None:
    class Constant(Tiny):
        def forward(self, pixels: Tensor) -> Tensor:
            return torch.full((len(pixels),), 2.0)

    reals, fakes = faces[1].pixels[:30], faces[1].pixels[-3:]
    loss = loop._validation_loss(Constant(), labelled(reals, fakes), CPU)
    assert loss == pytest.approx((math.log(1 + math.exp(2)) + math.log(1 + math.exp(-2))) / 2)


def test_the_weights_of_the_best_validation_remain(
    faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, states = iter([0.5, 0.2, 0.9, 0.2]), []

    def scripted(model: Tiny, *_: object) -> float:
        states.append(copied(model))
        return next(losses)

    monkeypatch.setattr(loop, "_validation_loss", scripted)
    model = Tiny()
    history = loop.fit(model, task(faces, tmp_path))
    assert [row["val_loss"] for row in history] == [0.5, 0.2, 0.9, 0.2]
    assert same(copied(model), states[1])
    assert not same(copied(model), states[3])


def test_the_seed_decides_every_byte(faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSEEN_THREADS")  # as many as a stage has
    states = []
    for number, seed in enumerate((4, 4, 5)):
        torch.manual_seed(number)
        model = Tiny()
        history = loop.fit(model, task(faces, tmp_path / str(number), seed))
        states.append(copied(model) | {"history": torch.tensor([list(row.values()) for row in history])})
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


@pytest.mark.parametrize("stop", [1, 2, 3, 5])  # before and at a validation, at the thaw, and after it
def test_going_on_ends_with_the_same_bytes(
    faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    whole = Tiny()
    history = loop.fit(whole, task(faces, tmp_path / "whole"))
    with monkeypatch.context() as patch:
        stop_after(stop, patch)
        with pytest.raises(Interruption):
            loop.fit(Tiny(), task(faces, tmp_path / "cut"))
    saved = Scratch(tmp_path / "cut", "detector", 1).load()
    assert saved is not None
    assert saved["step"] == stop
    model = Tiny()
    assert loop.fit(model, task(faces, tmp_path / "cut")) == history
    assert same(copied(model), copied(whole))


def test_going_on_remembers_the_best_weights(faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    losses, states = iter([0.1, 0.5, 0.5, 0.5]), []

    def scripted(model: Tiny, *_: object) -> float:
        states.append(copied(model))
        return next(losses)

    monkeypatch.setattr(loop, "_validation_loss", scripted)
    with monkeypatch.context() as patch:
        stop_after(3, patch)
        with pytest.raises(Interruption):
            loop.fit(Tiny(), task(faces, tmp_path))
    model = Tiny()
    loop.fit(model, task(faces, tmp_path))
    assert same(copied(model), states[0])


@pytest.mark.parametrize("broken", ["training", "validation"])
def test_a_loss_that_is_not_finite_is_one_line_that_names_the_step(faces: Both, tmp_path: Path, broken: str) -> None:
    class Broken(Tiny):
        def forward(self, pixels: Tensor) -> Tensor:
            bad = math.nan if self.training == (broken == "training") else 1.0
            return super().forward(pixels) * bad

    with pytest.raises(UserError, match=r"step 2\b.*learning_rate") as error:
        loop.fit(Broken(), task(faces, tmp_path))
    assert "\n" not in str(error.value)


def test_as_batch_puts_colours_first() -> None:
    pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    batch = loop.as_batch(pixels, CPU)
    assert batch.shape == (2, 3, 4, 4)
    assert batch.dtype == torch.uint8
    assert batch[1, 2, 3, 0] == pixels[1, 3, 0, 2]


def test_logits_come_in_order_whatever_the_batch(faces: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Tiny().train()
    whole = logits_of(model, faces[1].pixels, CPU)
    assert whole.dtype == np.float64
    assert whole.shape == (len(faces[1]),)
    monkeypatch.setattr(logits, "SCORING_BATCH", 7)
    np.testing.assert_allclose(logits_of(model, faces[1].pixels, CPU), whole, atol=1e-5)
    one = logits_of(model, faces[1].pixels[5:6], CPU)
    np.testing.assert_allclose(one, whole[5:6], atol=1e-5)
