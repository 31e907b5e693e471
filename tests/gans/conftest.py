"""Real faces for these tests, and one thread of the CPU: two are slower where something else runs, at these sizes."""

import pytest

from faces_for_training import orl_faces
from unseen.core.runtime import prepare

__all__ = ["orl_faces"]


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_DEVICE", "cpu")
    monkeypatch.setenv("UNSEEN_THREADS", "1")
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "1000")  # none by the clock: trainings share their folder here
    prepare()
