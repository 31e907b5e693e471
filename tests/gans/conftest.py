"""Real faces for these tests, and the CPU with one thread: at these sizes two are slower where something else runs."""

import pytest

from faces_for_training import orl_faces
from unseen.runtime import prepare

__all__ = ["orl_faces"]


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_DEVICE", "cpu")
    monkeypatch.setenv("UNSEEN_THREADS", "1")
    prepare()
