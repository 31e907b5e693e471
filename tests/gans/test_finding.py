"""The words for a GAN's metrics: a collapsed GAN, one that misses the faces, and one that reaches them."""

import pytest

from unseen.gans.training.finding import collapsed, finding

HELD_BACK = {"precision": 0.18, "recall": 0.38, "diversity": 0.95, "kid_lite1": 0.07}
GOOD = {"precision": 0.25, "recall": 0.2, "diversity": 0.8, "kid_lite1": 0.3}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ["Precision 25.0% and recall 20.0%; real faces of other people have 18.0% and 38.0%."]),
        ({"precision": 0.0}, ["look like a training face (precision 0.0%"]),
        ({"precision": 0.018}, ["look like a training face"]),
        ({"precision": 0.019}, ["Precision 1.9%"]),
        ({"recall": 0.0}, ["cover next to none of its training faces (recall 0.0%"]),
        ({"recall": 0.0, "diversity": 0.2}, ["It collapsed: its samples differ by 20%"]),
        ({"recall": 0.3, "diversity": 0.49}, ["It collapsed"]),
        ({"precision": 0.0, "recall": 0.0, "diversity": 0.1}, ["It collapsed", "look like a training face"]),
    ],
)
def test_the_words_follow_from_the_metrics(changed: dict[str, float], words: list[str]) -> None:
    said = finding(GOOD | changed, HELD_BACK)
    assert all(word in said for word in words)
    assert collapsed(GOOD | changed) == ("collapsed" in said) == any("collapsed" in word for word in words)
    assert ("look like a training face" in said) == any("look like" in word for word in words)


def test_low_is_relative_to_what_real_faces_reach() -> None:
    assert "look like a training face" in finding(GOOD | {"precision": 0.05}, HELD_BACK | {"precision": 0.9})
    assert "Precision 5.0%" in finding(GOOD | {"precision": 0.05}, HELD_BACK | {"precision": 0.1})


def test_no_precision_at_all_is_low_where_real_faces_have_none_either() -> None:
    assert "look like a training face" in finding(GOOD | {"precision": 0.0}, HELD_BACK | {"precision": 0.0})
