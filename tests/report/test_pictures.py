"""Charts and sample faces, ready to stand in a page."""

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from faces_for_training import OrlFaces, encoded, stored
from unseen.report.pictures import audit_chart, data_uri, originals_chart, roc_chart, sample_grid
from unseen.report.results import Results

from .html_pages import Page


def test_the_chart_has_the_same_bytes_for_the_same_numbers() -> None:
    roc = pd.DataFrame({"pair": "p", "detector": ["a", "a", "b", "b"], "fpr": [0.0, 1.0] * 2, "tpr": [0.5, 1.0] * 2})
    first, second = roc_chart(roc, "p"), roc_chart(roc, "p")
    assert first == second
    assert first.startswith("<svg")
    assert "http://" not in first.replace("http://www.w3.org", "")


def test_a_curve_for_each_detector_of_the_pair_alone() -> None:
    roc = pd.DataFrame({"pair": ["p", "p", "q"], "detector": ["a", "b", "c"], "fpr": 0.5, "tpr": 0.5})
    assert {"p", "a", "b", "chance"} <= set(Page(roc_chart(roc, "p")).texts["text"])
    assert not {"q", "c"} & set(Page(roc_chart(roc, "p")).texts["text"])


def test_the_audit_has_a_bar_for_each_cue_of_each_kind(results: Results) -> None:
    found = results.audit["pairs"]["orl / gan"]
    shown = Page(audit_chart(found)).texts["text"]
    for kind in ("file", "picture", "original"):
        assert f"of the {kind}" in shown
        assert set(found[kind]["cues"]) <= set(shown)


def test_the_originals_of_a_set_without_jpegs_are_said_to_have_no_quality() -> None:
    without, with_some = originals_chart([100, 200], [], {"PNG": 2}), originals_chart([100, 200], [75], {"JPEG": 1})
    assert "no JPEG" in Page(without).texts["text"]
    assert "no JPEG" not in Page(with_some).texts["text"]


def test_sample_faces_are_spread_over_the_set(orl_faces: OrlFaces, tmp_path: Path) -> None:
    flat = [np.full((8, 8, 3), 2 * number, np.uint8) for number in range(100)]
    people = [str(number) for number in range(100)]
    many = stored(tmp_path / "many", [encoded(face, "PNG") for face in flat], people, ["train"] * 100)
    shades = np.asarray(sample_grid(many))[4::10, 4::10, 0].ravel().tolist()
    assert len(shades) == 24
    assert shades == [2 * round(number) for number in np.linspace(0, 99, 24)]
    few = stored(tmp_path / "few", [encoded(face, "PNG") for face in flat[:3]], people[:3], ["test"] * 3)
    assert np.asarray(sample_grid(few))[4, 4:30:10, 0].tolist() == [0, 2, 4]


def test_a_picture_in_a_page_is_the_picture(orl_faces: OrlFaces) -> None:
    address = data_uri(Image.fromarray(orl_faces.small[0]))
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), orl_faces.small[0])
