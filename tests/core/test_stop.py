"""Requests to stop."""

import signal
import threading

import pytest

from unseen.core.errors import UserError
from unseen.core.stop import Stop


def test_a_stop_only_asks_and_puts_the_old_handler_back() -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        with Stop() as stop:
            assert not stop.asked
            signal.raise_signal(signal.SIGTERM)
            assert stop.asked
            assert received == []
        signal.raise_signal(signal.SIGTERM)
        assert received == [signal.SIGTERM]
        with pytest.raises(ValueError, match="broken"), Stop():
            raise ValueError("broken")
        signal.raise_signal(signal.SIGTERM)
        assert len(received) == 2, "also after an error"
        with Stop() as again:
            assert not again.asked, "a new one has not been asked"
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_second_interrupt_ends_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    went_on = []

    def work() -> None:
        with Stop() as stop:
            signal.raise_signal(signal.SIGINT)
            assert stop.asked
            assert "Ctrl-C again ends without a checkpoint" in capfd.readouterr().err
            signal.raise_signal(signal.SIGTERM)
            went_on.append("after SIGTERM, which is no second Ctrl-C")
            signal.raise_signal(signal.SIGINT)
            went_on.append("after the second")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert went_on == ["after SIGTERM, which is no second Ctrl-C"]
    assert signal.getsignal(signal.SIGINT) == before


def test_an_interrupt_after_the_last_step_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt), Stop():
        signal.raise_signal(signal.SIGINT)
    with Stop():
        signal.raise_signal(signal.SIGTERM)  # its sender wants the machine, and the work is done

    def broken() -> None:
        with Stop():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        broken()


def test_torchrun_hands_an_interrupt_on_and_it_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")

    def work() -> None:
        with Stop() as stop:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise stop.error("step 1 of 2")

    with pytest.raises(UserError) as error:
        work()
    assert error.value.exit_code == 130


def test_a_stop_in_another_thread_leaves_signals_alone() -> None:
    """Only the main thread may have a handler."""
    asked: list[bool] = []

    def work() -> None:
        with Stop() as stop:
            asked.append(stop.asked)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [False]
    assert signal.getsignal(signal.SIGTERM) == before
