"""Tiny caption models, and one thread of the CPU."""

from pathlib import Path

import pytest

import tiny_models
from faces_for_training import encoded, stored
from gans.conftest import _one_thread
from unseen.core.json_files import write_json
from unseen.data.shards import FaceSet

__all__ = ["_one_thread"]

CARD = {"model": "somebody/blip", "revision": "c" * 40}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `hub` with the models `blip`, which has the card of the stage `hub`, `vit_gpt2`,
    `clip`, `siglip` and `siglip2`."""
    root = tmp_path_factory.mktemp("models")
    made = (tiny_models.blip, tiny_models.vit_gpt2, tiny_models.clip, tiny_models.siglip, tiny_models.siglip2)
    for make in made:
        make(root / "hub" / make.__name__)
    write_json(root / "hub/blip/hub.json", CARD)
    return root / "hub"


@pytest.fixture
def face_set(tmp_path: Path) -> FaceSet:
    """Ten pictures of five people, two of each."""
    files = [encoded(picture, quality=95) for picture in tiny_models.pictures(10)]
    people = [f"p{number // 2}" for number in range(10)]
    return stored(tmp_path / "data/sets/faces/people/some", files, people, ["train"] * 6 + ["val"] * 2 + ["test"] * 2)
