"""Prefetching: results are in order, one is computed early and no more, and exceptions are raised."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor

import pytest

from unseen.core.errors import UserError
from unseen.core.prefetch import MOST_THREADS, core_is_idle, prefetch, thread_count, worker_count

both = pytest.mark.parametrize("idle", [True, False])


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "²", " "])
def test_a_number_of_workers_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("UNSEEN_WORKERS", value)
    with pytest.raises(UserError, match=r"UNSEEN_WORKERS is .*; give a whole number from 1 to 1024"):
        worker_count()


def test_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_WORKERS", "3")
    assert worker_count() == 3
    monkeypatch.setenv("UNSEEN_WORKERS", "")
    assert 1 <= worker_count() <= (os.cpu_count() or 1)
    monkeypatch.delenv("UNSEEN_WORKERS")
    assert 1 <= worker_count() <= (os.cpu_count() or 1)


def test_processes_of_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSEEN_WORKERS", raising=False)
    monkeypatch.setattr("unseen.core.prefetch.os.sched_getaffinity", lambda _: set(range(12)), raising=False)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert thread_count() == 3
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "13")
    assert thread_count() == 1
    monkeypatch.setattr("unseen.core.prefetch.os.sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    assert thread_count() == MOST_THREADS
    monkeypatch.setenv("UNSEEN_WORKERS", "20")
    assert thread_count() == 20, "as asked for"


def test_a_core_is_idle_beside_fewer_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.core.prefetch.os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert [core_is_idle(threads) for threads in range(4)] == [True, True, False, False]


@both
@pytest.mark.parametrize("threads", ["1", "3"])
def test_results_are_in_the_order_of_the_items(monkeypatch: pytest.MonkeyPatch, threads: str, idle: bool) -> None:
    monkeypatch.setenv("UNSEEN_WORKERS", threads)

    def squares(item: int, pool: Executor) -> list[int]:
        return list(pool.map(lambda number: number * number, range(item)))

    assert list(prefetch(range(5), squares, idle)) == [[], [0], [0, 1], [0, 1, 4], [0, 1, 4, 9]]
    assert list(prefetch([], squares, idle)) == []


@both
def test_one_item_is_prefetched(idle: bool) -> None:
    asked: list[int] = []
    made = threading.Semaphore(0)

    def items() -> Iterator[int]:
        for number in range(9):
            asked.append(number)
            yield number

    def noted(item: int, pool: Executor) -> int:
        made.release()
        return item

    found = prefetch(items(), noted, idle)
    assert asked == [], "nothing before somebody asks"
    assert next(found) == 0
    assert made.acquire(timeout=20)
    if idle:
        assert made.acquire(timeout=20), "the second, though nobody has asked for it yet"
    assert not made.acquire(timeout=0.1)
    assert asked == ([0, 1] if idle else [0])
    assert list(found) == list(range(1, 9))


@both
def test_an_error_in_a_thread_is_raised_by_the_iterator(idle: bool) -> None:
    def broken(item: int, pool: Executor) -> int:
        if item == 2:
            raise KeyError("two")
        return item

    found = prefetch(range(5), broken, idle)
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(KeyError, match="two"):
        next(found)


@both
def test_no_thread_is_left_after_an_error(idle: bool) -> None:
    before = set(threading.enumerate())  # some may be of another test and about to end
    for _ in prefetch(range(100), lambda item, pool: list(pool.map(str, range(item))), idle):
        break
    assert not set(threading.enumerate()) - before


def test_queued_items_are_cancelled_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_WORKERS", "1")
    started, go, done = threading.Event(), threading.Event(), []

    def slow(number: int) -> None:
        started.set()
        assert go.wait(20)
        done.append(number)

    found = prefetch(range(2), lambda item, pool: list(pool.map(slow, range(100))) if item else [], True)
    next(found)
    assert started.wait(20), "the second item, of a hundred parts, is being made"
    threading.Timer(0.2, go.set).start()
    found.close()  # type: ignore[attr-defined]
    assert len(done) < 100
