"""Predictions that do not mean what they seem to."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from unseen.evaluation.people import one_person_by_faces, without_identity
from unseen.evaluation.sanity import guess_warnings, people_warnings, score_warnings
from unseen.evaluation.scored import Scored

FAR, BELOW = {"low": 0.6, "high": 0.8}, {"low": 0.2, "high": 0.4}
LOGITS = np.linspace(-3, 3, 40)
SCORES = 1 / (1 + np.exp(-LOGITS / 1.7))


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"id": [str(i) for i in range(len(next(iter(columns.values()))))], **columns})


def scored(**columns: Any) -> Scored:
    return Scored.of(frame(**columns).assign(label=0))


def test_nothing_is_said_of_scores_that_fit_their_logits() -> None:
    assert score_warnings(scored(score=SCORES, logit=LOGITS), FAR) == []
    assert score_warnings(scored(score=SCORES.round(2), logit=LOGITS.round(1)), FAR) == []
    assert score_warnings(scored(score=SCORES), FAR) == []


def test_an_interval_just_below_chance_does_not_print_as_chance() -> None:
    (said,) = score_warnings(scored(score=SCORES), {"low": 0.2, "high": 0.4996})
    assert "0.200 to 0.499, is below 0.5" in said


def test_an_interval_wholly_below_chance() -> None:
    (said,) = score_warnings(scored(score=SCORES), BELOW)
    assert said.startswith("the AUC's interval, 0.200 to 0.400, is below 0.5: labels or scores may be inverted")
    assert score_warnings(scored(score=SCORES), {"low": 0.2, "high": 0.5}) == []


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        (1 - SCORES, "`score` and `logit` rank faces in opposite orders (Spearman -1.00)"),
        (np.roll(SCORES, 2), "`score` and `logit` rank faces differently (Spearman 0."),
    ],
)
def test_scores_and_logits_that_do_not_fit(scores: Any, says: str) -> None:
    (said,) = score_warnings(scored(score=scores, logit=LOGITS), FAR)
    assert said.startswith(says)


def test_scores_that_are_verdicts_or_all_the_same() -> None:
    (said,) = score_warnings(scored(score=(SCORES > 0.5).astype(float)), FAR)
    assert said.startswith("all scores are 0 or 1")
    (said,) = score_warnings(scored(score=[0.5] * 4), FAR)
    assert said.startswith("every score is 0.5")


def test_few_people() -> None:
    people = [str(i) for i in range(24)]
    labels = [0] * 12 + [1] * 12
    assert people_warnings(frame(label=labels, identity=people)) == []
    few = frame(label=labels, identity=["a", "b"] * 6 + people[12:])
    assert people_warnings(few) == ["the reals are of 2 people: intervals over fewer than 10 people are too narrow"]
    assert without_identity(few).sum() == 12, "those that bear their own id"
    one = frame(label=labels, identity=["a"] * 24)
    assert people_warnings(one) == [
        "all faces are of one person: intervals are over faces and do not apply to other people"
    ]
    assert one_person_by_faces(one)["identity"].nunique() == 24
    assert one_person_by_faces(few) is few


def test_groups_that_a_model_guessed() -> None:
    assert guess_warnings(["gender", "age"]) == []
    assert guess_warnings(["age", "zero_shot_gender"]) == [
        "a model guessed zero_shot_gender: rates by these groups are no evidence about fairness"
    ]
