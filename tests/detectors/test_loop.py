"""The training loop of neural detectors, on real faces against the same faces with an artefact."""

import itertools
import math
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from faces_for_training import encoded, labelled
from stops import Interruption, stop_after
from unseen.core.errors import UserError
from unseen.core.scratch import Scratch
from unseen.data.pictures import Crops, Faces
from unseen.detectors.shared import logits, loop
from unseen.detectors.shared.base import History, Rows, Task
from unseen.detectors.shared.logits import as_batch, logits_of, logits_of_faces

from .learning import BROKEN, LEARNED, PLAIN, easy, last_row
from .networks import Tiny, copied, knobs, same, task

CPU = torch.device("cpu")
Both = tuple[Faces, Faces]


def learned(scratch: Path, data: Both, **changed: Any) -> tuple[float, float]:
    """The last training loss, and the AUC of the logits of pictures that it has not seen."""
    model, some = Tiny(), knobs(**PLAIN, **({"steps": 32, "learning_rate": 0.02} | changed))
    loss = last_row(loop.fit, model, some, scratch, data=data)["train_loss"]
    return loss, float(roc_auc_score(data[1].labels, logits_of(model, data[1].pixels, CPU)))


def test_it_learns(tmp_path: Path) -> None:
    loss, auc = learned(tmp_path, easy(32))
    assert loss < LEARNED
    assert auc > 0.9, "positive for fake"


def test_a_training_that_is_broken_does_not_learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the tests of what learns would say nothing."""
    train, val = easy(32)
    assert learned(tmp_path / "rate", (train, val), learning_rate=BROKEN)[0] > LEARNED
    shuffled = np.random.default_rng(0).permutation(train.labels)
    mixed = Faces(train.pixels, {**train.columns, "label": shuffled.tolist()})
    assert learned(tmp_path / "labels", (mixed, val))[0] > LEARNED

    whole = Tiny.loss

    def detached(model: Tiny, *given: Any) -> Tensor:
        return whole(model, *given).detach() + 0 * model.linear.bias.sum()

    monkeypatch.setattr(Tiny, "loss", detached)
    assert learned(tmp_path / "detached", (train, val))[0] > LEARNED


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


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_after_the_frozen_steps_everything_is_trained(faces: Both, tmp_path: Path, optimizer: str) -> None:
    model = Tiny()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    loop.fit(model, task(faces, tmp_path, frozen_steps=6, validate_every=7, optimizer=optimizer))
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
        stop_after(stop, loop, patch)
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
        stop_after(3, loop, patch)
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


def scripted(losses: list[float], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Tensor]]:
    """Let validations find these losses, then ever more; the weights at each."""
    given, states = itertools.chain(losses, itertools.count(9.0)), []

    def validate(model: Tiny, *_: object) -> float:
        states.append(copied(model))
        return next(given)

    monkeypatch.setattr(loop, "_validation_loss", validate)
    return states


def history_of(*losses: float, every: int = 1) -> History:
    return [
        {"step": (number + 1) * every, "learning_rate": 0.0, "train_loss": 0.0, "val_loss": loss}
        for number, loss in enumerate(losses)
    ]


def rates(losses: list[float], **changed: Any) -> list[float]:
    """The learning rate after each of some validations, one at each step, in units of the first."""
    settings = knobs(**{"frozen_steps": 0, "steps": 100, "schedule": "plateau", "learning_rate": 0.5} | changed)
    history = history_of(*losses)
    return [loop._learning_rate(settings, seen, history[:seen]) / 0.5 for seen in range(len(losses) + 1)]


def test_a_constant_learning_rate_is_constant() -> None:
    assert set(rates([0.5, 0.6, 0.7, 0.4], schedule="constant")) == {1.0}


def test_a_plateau_is_half_of_patience() -> None:
    losses = [0.5, 0.4, 0.4, 0.41, 0.42, 0.43, 0.44, 0.3, 0.29, 0.5, 0.5]
    # the lowest is .4; .4 again is in vain, then three more; it drops after the second and the fourth
    found = rates(losses, patience=4)
    assert found == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.01, 0.001])


def test_a_plateau_of_one_drops_after_each_validation_in_vain() -> None:
    assert rates([0.5, 0.6, 0.4, 0.6, 0.7], patience=3) == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.001])


def test_validations_of_the_frozen_steps_are_no_plateau() -> None:
    losses = [0.3, 0.4, 0.5, 0.6, 0.45, 0.44, 0.5, 0.5]
    assert rates(losses, patience=4, frozen_steps=4) == pytest.approx([1, 1, 1, 1, 1, 1, 1, 1, 0.1])
    head_alone = rates(losses, patience=4, frozen_steps=100)
    assert head_alone == pytest.approx([1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001]), "unless there are no others"


def test_frozen_steps_have_their_own_learning_rate(faces: Both, tmp_path: Path) -> None:
    history = loop.fit(
        Tiny(),
        task(faces, tmp_path, frozen_steps=3, frozen_learning_rate=0.02, validate_every=1, schedule="constant"),
    )
    assert [row["learning_rate"] for row in history] == [0.02] * 3 + [0.003] * 4


def test_the_rate_is_what_the_optimizer_takes(faces: Both, tmp_path: Path) -> None:
    """One step of plain gradient descent moves twice as far at twice the rate."""
    far = []
    for number, rate in enumerate((0.001, 0.002)):
        model = Tiny()
        before = model.linear.weight.detach().clone()
        changed = {
            "optimizer": "sgd",
            "weight_decay": 0.0,
            "steps": 1,
            "frozen_steps": 0,
            "frozen_learning_rate": None,
        }
        loop.fit(model, task(faces, tmp_path / str(number), **changed | {"learning_rate": rate}))
        far.append((model.linear.weight.detach() - before).norm().item())
    assert far[1] == pytest.approx(2 * far[0], rel=1e-3)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("adamw", lambda weights: torch.optim.AdamW(weights, 0.003, weight_decay=0.1)),
        ("adam", lambda weights: torch.optim.Adam(weights, 0.003, weight_decay=0.1)),
        ("sgd", lambda weights: torch.optim.SGD(weights, 0.003, momentum=0.9, weight_decay=0.1)),
    ],
)
def test_optimizers_are_torchs_own(name: str, made: Any) -> None:
    found = []
    for optimizer_of in (made, lambda weights: loop.OPTIMIZERS[name](weights, lr=0.003, weight_decay=0.1)):
        weight = nn.Parameter(torch.linspace(-1, 1, 10))
        optimizer = optimizer_of([weight])
        for step in range(3):
            weight.grad = torch.linspace(1 - step, 2, 10)
            optimizer.step()
        found.append(weight.detach())
    torch.testing.assert_close(*found)
    assert (found[0] - torch.linspace(-1, 1, 10)).abs().min() > 1e-4


def test_patience_ends_the_training_and_the_best_weights_remain(
    faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = scripted([0.5, 0.2, 0.3, 0.2], monkeypatch)
    model = Tiny()
    history = loop.fit(model, task(faces, tmp_path, steps=40, frozen_steps=0, validate_every=1, patience=3))
    assert [row["val_loss"] for row in history] == [0.5, 0.2, 0.3, 0.2, 9.0]
    assert same(copied(model), states[1])


def test_patience_does_not_end_the_frozen_steps(faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = scripted([0.1, *[0.5] * 5, 0.4, 0.45, 0.45], monkeypatch)
    model = Tiny()
    settings = {"steps": 40, "frozen_steps": 6, "validate_every": 1, "patience": 2}
    assert len(loop.fit(model, task(faces, tmp_path, **settings))) == 9, "two in vain after the thaw's own best"
    assert same(copied(model), states[0]), "and the best of all is kept"


def test_without_patience_all_steps_are_done(faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted([0.1], monkeypatch)
    assert len(loop.fit(Tiny(), task(faces, tmp_path, validate_every=1))) == 7


def test_after_an_early_end_no_step_is_done_again(
    faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    settings = {"steps": 40, "frozen_steps": 0, "validate_every": 1, "patience": 2}
    states = scripted([0.5, 0.6, 0.6], monkeypatch)
    first, again = Tiny(), Tiny()
    history = loop.fit(first, task(faces, tmp_path, **settings))
    assert loop.fit(again, task(faces, tmp_path, **settings)) == history
    assert len(states) == len(history) == 3
    assert same(copied(again), copied(first))


class Dropping(Tiny):
    """Half of the features are left out at random."""

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.trunk(pixels.float() / 127.5 - 1).mean((2, 3))
        logits: Tensor = self.linear(functional.dropout(features, 0.5, self.training))
        return logits.flatten()


def test_dropout_is_the_same_after_going_on(faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    torch.manual_seed(1)
    whole = Dropping()
    history = loop.fit(whole, task(faces, tmp_path / "whole"))
    with monkeypatch.context() as patch:
        stop_after(3, loop, patch)
        with pytest.raises(Interruption):
            loop.fit(Dropping(), task(faces, tmp_path / "cut"))
    torch.manual_seed(2)
    model = Dropping()
    before = torch.get_rng_state()
    assert loop.fit(model, task(faces, tmp_path / "cut")) == history
    assert same(copied(model), copied(whole))
    assert torch.equal(torch.get_rng_state(), before), "what else is drawn is left alone"
    plain = Tiny()
    loop.fit(plain, task(faces, tmp_path / "plain"))
    assert not same(copied(plain), copied(whole)), "something is dropped"


def test_each_step_drops_something_else(faces: Both, tmp_path: Path) -> None:
    masks = []

    class Noted(Dropping):
        def forward(self, pixels: Tensor) -> Tensor:
            if self.training:
                masks.append(functional.dropout(torch.ones(100), 0.5).numpy().tobytes())
            return super().forward(pixels)

    loop.fit(Noted(), task(faces, tmp_path))
    assert len(set(masks)) == len(masks) == 7


@pytest.mark.parametrize(("frozen", "moves"), [(4, False), (3, True)])
def test_statistics_of_batch_norms_move_only_when_they_learn(
    faces: Both, tmp_path: Path, frozen: int, moves: bool
) -> None:
    """With a validation in between, after which the frozen must be as frozen as before."""
    before = copied(Tiny())
    with pytest.MonkeyPatch.context() as patch:
        states = scripted([0.9, 0.1], patch)
        loop.fit(Tiny(), task(faces, tmp_path, steps=4, frozen_steps=frozen, validate_every=2))
    for name in ("trunk.1.running_mean", "trunk.1.running_var"):
        assert torch.equal(states[0][name], before[name]), "frozen in both"
        assert torch.equal(states[1][name], before[name]) is not moves, name


def test_what_a_kind_does_not_open_stays(faces: Both, tmp_path: Path) -> None:
    class Partly(Tiny):
        def trainable(self) -> Iterable[nn.Parameter]:
            return [*self.trunk[3].parameters(), *self.linear.parameters()]

    model = Partly()
    before = copied(model)
    loop.fit(model, task(faces, tmp_path, frozen_steps=1, validate_every=7))
    moved = {name for name, value in copied(model).items() if not torch.equal(value, before[name])}
    assert moved == {"trunk.3.weight", "trunk.3.bias", "linear.weight", "linear.bias"}, "nor do statistics move"


def stopped(faces: Both, folder: Path, exit_code: int = 1) -> str:
    with pytest.raises(UserError) as error:
        loop.fit(Tiny(), task(faces, folder, steps=9))
    assert error.value.exit_code == exit_code
    return str(error.value)


@pytest.mark.parametrize("way", ["SIGTERM", "SIGINT", "UNSEEN_STOP_AFTER"])
def test_told_to_stop_it_leaves_a_checkpoint_and_one_line(
    faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "1e9")
    whole = Tiny()
    history = loop.fit(whole, task(faces, tmp_path / "whole", steps=9))
    with monkeypatch.context() as patch:
        if way != "UNSEEN_STOP_AFTER":
            as_batch_before, calls = loop.as_batch, itertools.count(1)

            def killed(*given: Any) -> Tensor:
                if next(calls) == 5:
                    os.kill(os.getpid(), signal.Signals[way])
                return as_batch_before(*given)

            patch.setattr(loop, "as_batch", killed)
            code = 130 if way == "SIGINT" else 1
            assert stopped(faces, tmp_path / "cut", code) == "stopped at step 5 of 9; run it again to resume"
        else:
            patch.setenv("UNSEEN_STOP_AFTER", "0")
            assert stopped(faces, tmp_path / "cut") == "stopped at step 1 of 9; run it again to resume"
            assert stopped(faces, tmp_path / "cut") == "stopped at step 2 of 9; run it again to resume"
    model = Tiny()
    assert loop.fit(model, task(faces, tmp_path / "cut", steps=9)) == history
    assert same(copied(model), copied(whole))


def test_told_to_stop_at_the_last_step_it_is_done(
    faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSEEN_STOP_AFTER", "0")
    assert [row["step"] for row in loop.fit(Tiny(), task(faces, tmp_path, steps=1, frozen_steps=0))] == [1]


def test_pairs_reach_a_kinds_own_loss_in_their_places(faces: Both, tmp_path: Path) -> None:
    """With the rows of the faces, a kind can ask for any column."""
    seen = []

    class Asking(Tiny):
        def loss(self, pixels: Tensor, labels: Tensor, rows: Rows, task: Task) -> Tensor:
            seen.append((labels.tolist(), [task.train.columns["twin_of"][row] for row in rows]))
            seen[-1] += ([task.train.columns["id"][row] for row in rows],)
            return super().loss(pixels, labels, rows, task)

    train = Faces(faces[0].pixels, {**faces[0].columns})
    train.columns["id"] = [f"face/{row}" for row in range(168)]
    train.columns["twin_of"] = [""] * 84 + [f"face/{row}" for row in range(84)]
    loop.fit(Asking(), task((train, faces[1]), tmp_path, steps=3, paired=True))
    assert len(seen) == 3
    for labels, twin_of, names in seen:
        assert labels == [0.0] * 4 + [1.0] * 4
        assert twin_of[4:] == names[:4]


def test_logits_of_faces_are_those_of_their_pixels(faces: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    model, pixels = Tiny(), faces[1].pixels
    files = [encoded(picture, "PNG") for picture in pixels]
    whole = logits_of(model, pixels, CPU)
    for size in (64, 7):
        monkeypatch.setattr(logits, "SCORING_BATCH", size)
        for stored in (faces[1], Crops(files, {})):
            np.testing.assert_allclose(logits_of_faces(model, stored, CPU), whole, atol=1e-5)
    assert logits_of_faces(model, Crops([], {}), CPU).shape == (0,)
    assert logits_of(model, pixels[:0], CPU).shape == (0,)
