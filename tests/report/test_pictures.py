"""Pictures and sample faces, ready to stand in a page."""

import base64
import io
from functools import partialmethod
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faces_for_training import OrlFaces, encoded, stored
from unseen.data.shards import FaceSet
from unseen.report.data import FaceCounts
from unseen.report.pictures import data_uri, originals_chart, sample_grid, small_uri

from .html_pages import Page


def test_a_set_without_jpegs_has_no_chart_of_their_quality() -> None:
    for qualities, formats, charts in (([], {"PNG": 2}, 1), ([75], {"PNG": 1, "JPEG": 1}, 2)):
        drawn = originals_chart([100, 200], qualities, formats)
        page = Page(drawn)
        assert drawn.count("<svg") == charts
        assert "Originals: " + ", ".join(f"{name} {count}" for name, count in formats.items()) in " ".join(
            page.texts["text"]
        )
        assert ("JPEG quality" in page.texts["text"]) == bool(qualities)


def test_sample_faces_are_spread_over_the_set(orl_faces: OrlFaces, tmp_path: Path) -> None:
    flat = [np.full((8, 8, 3), 2 * number, np.uint8) for number in range(100)]
    people = [str(number) for number in range(100)]
    many = stored(tmp_path / "many", [encoded(face, "PNG") for face in flat], people, ["train"] * 100)
    shades = np.asarray(sample_grid(many))[4::10, 4::10, 0].ravel().tolist()
    assert len(shades) == 24
    assert shades == [2 * round(number) for number in np.linspace(0, 99, 24)]
    few = stored(tmp_path / "few", [encoded(face, "PNG") for face in flat[:3]], people[:3], ["test"] * 3)
    assert np.asarray(sample_grid(few))[4, 4:30:10, 0].tolist() == [0, 2, 4]


def test_sets_are_read_a_batch_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = [encoded(np.full((8, 8, 3), 2 * number, np.uint8), "PNG") for number in range(100)]
    people = [str(number) for number in range(100)]
    face_set = stored(tmp_path / "many", faces, people, ["train"] * 100)
    whole, counted = sample_grid(face_set), FaceCounts.of(face_set)
    monkeypatch.setattr(FaceSet, "batches", partialmethod(FaceSet.batches, size=7))
    assert np.array_equal(np.asarray(sample_grid(face_set)), np.asarray(whole))
    in_batches = FaceCounts.of(face_set)
    assert len(in_batches.longer) == 15
    assert in_batches.formats.total() == 100
    assert in_batches.chart() == counted.chart()


def test_a_picture_in_a_page_is_the_picture(orl_faces: OrlFaces) -> None:
    address = data_uri(Image.fromarray(orl_faces.small[0]))
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), orl_faces.small[0])


def test_a_large_picture_is_made_small_and_a_huge_one_is_left(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(128, 20, (200, 300, 3)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    address = small_uri(tmp_path / "noise.png")
    data = base64.b64decode(address.removeprefix("data:image/webp;base64,"))
    shown = np.asarray(Image.open(io.BytesIO(data)))
    assert shown.shape == noise.shape
    assert abs(shown.astype(float) - noise).mean() < 15
    assert len(data) < (tmp_path / "noise.png").stat().st_size / 3
    Image.new("L", (16384, 1)).save(tmp_path / "huge.png")
    assert small_uri(tmp_path / "huge.png").startswith("data:image/png;base64,")
