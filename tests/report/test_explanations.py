"""Pictures of the best detectors are in the page, up to a size."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unseen.report import explanations


@pytest.mark.parametrize(
    ("most", "shown"),
    [(1, ["best"]), (10**4, ["best"]), (30_000, ["best", "second"]), (10**6, ["best", "second", "c"])],
)
def test_pictures_beyond_a_size_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, shown: list[str]
) -> None:
    monkeypatch.setattr(explanations, "PICTURE_BYTES", most)
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    for name in ("best", "second", "c"):
        (tmp_path / name).mkdir()
        Image.fromarray(noise).save(tmp_path / name / "panels.png")
    found = explanations._best(tmp_path, ["best", "second", "c"])
    assert list(found) == shown
    assert 5_000 < len(found["best"]["panels"]) < 15_000
    assert found["best"]["neighbours"] == "", "there is no such file"
