"""Imports without garbage collection."""

import gc

import pytest

from unseen.core.garbage_collection import no_garbage_collection


def test_collection_is_off_inside_and_on_again_after_an_error() -> None:
    during = []

    def fails() -> None:
        with no_garbage_collection():
            during.append(gc.isenabled())
            raise ModuleNotFoundError

    with pytest.raises(ModuleNotFoundError):
        fails()
    assert during == [False]
    assert gc.isenabled()


def test_a_block_inside_another_does_not_end_it() -> None:
    with no_garbage_collection():
        with no_garbage_collection():
            pass
        assert not gc.isenabled()


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_MEMORY_TUNING", "0")
    with no_garbage_collection():
        assert gc.isenabled()
