"""Real faces for these tests, and one thread: two are slower where something else runs, at these sizes."""

import pytest

from faces_for_training import OrlFaces, labelled, orl_faces, upsampled
from unseen.data.pictures import Faces

__all__ = ["orl_faces"]


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_THREADS", "1")


@pytest.fixture(scope="session")
def faces(orl_faces: OrlFaces) -> tuple[Faces, Faces]:
    """Real faces and upsampled ones to train on, and those of 12 other people to validate on."""
    train, val = orl_faces.small[:84], orl_faces.small[84:]
    return labelled(train, upsampled(train)), labelled(val, upsampled(val))
