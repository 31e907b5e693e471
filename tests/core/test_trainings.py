"""Trainings from several seeds: a request to stop in one of them is not forgotten in the next."""

import signal
from pathlib import Path

import pytest

from unseen.core.errors import StoppedError
from unseen.core.scratch import Scratch
from unseen.core.stop import Stop
from unseen.core.trainings import one_by_one


def checkpoint(seed: int, folder: Path = Path("scratch")) -> Scratch:
    return Scratch(folder, "training", seed)


def test_each_seed_is_trained_in_turn(tmp_path: Path) -> None:
    def train(seed: int) -> tuple[int, Scratch]:
        found = checkpoint(seed, tmp_path)
        found.save({"step": seed})
        return 10 * seed, found

    trainings = one_by_one([4, 5], train)
    assert trainings.trained == {4: 40, 5: 50}
    assert len(list(tmp_path.rglob("*.pt"))) == 2
    trainings.clear()
    assert not list(tmp_path.rglob("*.pt"))


@pytest.mark.parametrize("in_loop", [True, False])
def test_after_sigterm_no_next_seed_begins(in_loop: bool) -> None:
    """Whether it comes in the last step of a training or after it."""
    begun = []

    def train(seed: int) -> tuple[None, Scratch]:
        begun.append(seed)
        if in_loop:
            with Stop():
                signal.raise_signal(signal.SIGTERM)
        else:
            signal.raise_signal(signal.SIGTERM)
        return None, checkpoint(seed)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(
        StoppedError, match=r"^stopped at training seed 5, which has not begun; run it again"
    ) as error:
        one_by_one([4, 5], train)
    assert error.value.exit_code == 1
    assert begun == [4]
    assert signal.getsignal(signal.SIGTERM) == before


def test_after_sigterm_in_the_last_seed_the_work_is_done() -> None:
    def train(seed: int) -> tuple[int, Scratch]:
        if seed == 5:
            with Stop():
                signal.raise_signal(signal.SIGTERM)
        return seed, checkpoint(seed)

    assert one_by_one([4, 5], train).trained == {4: 4, 5: 5}


def test_a_signal_before_the_loop_of_a_training_reaches_it() -> None:
    def train(seed: int) -> tuple[None, Scratch]:
        signal.raise_signal(signal.SIGTERM)  # while the network is built
        with Stop() as stop:
            assert stop.asked
            raise stop.error("step 1 of 2")

    with pytest.raises(StoppedError, match=r"^stopped at step 1 of 2"):
        one_by_one([4, 5], train)


def test_an_interrupt_in_the_last_step_ends_at_once() -> None:
    begun = []

    def train(seed: int) -> tuple[None, Scratch]:
        begun.append(seed)
        with Stop():
            signal.raise_signal(signal.SIGINT)
        return None, checkpoint(seed)

    with pytest.raises(KeyboardInterrupt):
        one_by_one([4, 5], train)
    assert begun == [4]


def test_a_time_limit_lets_the_next_seed_do_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a limit below the time to start would be reached again and again without progress."""
    monkeypatch.setenv("UNSEEN_STOP_AFTER", "0")
    assert one_by_one([4, 5], lambda seed: (seed, checkpoint(seed))).trained == {4: 4, 5: 5}
