"""Captions on the data page: counts, shares of guesses, and ten faces with what was said of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unseen.core.settings import validated
from unseen.data.shards import open_set
from unseen.diffusion.captions.settings import CaptionSettings
from unseen.report.captions import described_captions
from unseen.report.data import render_data
from unseen.report.results import Results

from .finished_run import EVIL
from .html_pages import Page

KNOBS = {"of": "faces/people", "model": "hub/blip", "attribute_model": "hub/clip"}


@pytest.fixture
def described(results: Results, root: Path) -> Results:
    """The same run with captions of its reals."""
    faces = open_set(root / "data/faces/people/orl").index(["train", "val", "test"], ["id"])["id"]
    examples = [
        {"id": face, "caption": EVIL if number else "a man", "zero_shot": {"zero_shot_gender": "man"}}
        for number, face in enumerate(faces[:60:6])
    ]
    counts: dict[str, Any] = {
        **{"n": 80, "distinct": 61, "mean_words": 7.25, "use": "train", "examples": examples},
        **{"model": "somebody/blip", "revision": "abcdef" * 6 + "abcd", "attribute_model": "clip"},
        **{"attribute_revision": "", "zero_shot": {"zero_shot_gender": {"man": 0.75, EVIL: 0.25}}},
    }
    settings = validated(CaptionSettings, KNOBS, "captions.said")
    params = results.params.model_copy(update={"captions": {"said": settings}})
    return replace(results, params=params, captions={"said": counts})


def test_captions_are_shown_with_their_faces(described: Results, sets: list[dict[str, Any]], root: Path) -> None:
    html = render_data(described, sets, described_captions(described, root / "data"))
    page = Page(html)
    (row,) = (table[1:] for table in page.tables if table[0][0] == "Table")
    assert row == [
        ["said", "faces/people", "training", "80", "61", "7.2", "somebody/blipabcdefabcdef", "clip"],
    ]
    (shares,) = (table[1:] for table in page.tables if table[0][1] == "Share of the faces")
    assert shares == [["zero_shot_gender", f"man 75.0%, {EVIL} 25.0%"]]
    assert any("guesses of a model, not facts about people" in caption for caption in page.captions)
    assert html.count("<figure>") == 10
    assert len({part.split('"')[0] for part in html.split("<figure><img src=")[1:]}) == 1
    assert len({part[1:200] for part in html.split("<figure><img src=")[1:]}) == 10, "each has its own crop"
    assert EVIL not in html


def test_a_run_without_captions_has_no_such_part(data_page: str) -> None:
    assert 'id="captions"' not in data_page
