"""The section on fakes by diffusion."""

import math
from dataclasses import replace
from typing import Any

import pytest

from diffusion.fakes.knobs import settings
from unseen.diffusion.fakes.gate import gram_metrics
from unseen.report.diffusion import section
from unseen.report.results import Results
from unseen.report.section import OWN_RUN
from unseen.report.templates import environment

COUNTS: dict[str, Any] = {"read": 8, "kept": 5, "dropped": {"no_face": 2, "black": 1}, "watermarked": 0}


@pytest.fixture
def made(results: Results) -> Results:
    """Results of a run with two sets, one of them with a gate."""
    gram = gram_metrics([(0.5,), (2.5, 1.0), (3.0, 4.0), (math.inf, 1.5)], [1.0, 2.0], threshold=2.0)
    gated = settings(gram={"threshold": 2.0}, gram_weights="hub/vgg19")
    params = results.params.model_copy(update={"diffuse": {"gated": gated, "plain": settings(mode="text_to_image")}})
    counts = {**results.counts, "gated": {**COUNTS, "gram": gram}, "plain": COUNTS}
    return replace(results, params=params, counts=counts)


def test_a_row_for_each_set(made: Results) -> None:
    found = section(made)
    rows = [[cell.text for cell in row] for row in found.data["table"].rows]
    assert rows[0][1:7] == ["tiny, image to image", "8", "5", "2", "1", "0"]
    assert rows[0][7:] == ["2.000", "1.250", "37.5%", "12.5%"]
    assert rows[1] == ["plain", "tiny, text to image", "8", "5", "2", "1", "0", *["n/a"] * 4]
    assert len(found.data["table"].heads) == len(rows[0])
    page = environment(made).from_string('{% import "macros.html" as show %}{% include "section_diffusion.html" %}')
    html = page.render(data=found.data)
    assert "Gram distances" in html
    (chart,) = found.data["charts"]
    assert all(f"var(--c{series})" in chart for series in range(3)), "a line of each kind of distance"


def test_without_sets_it_is_left_out(results: Results) -> None:
    assert section(results).missing == OWN_RUN
