"""Predictions of several training seeds, side by side."""

import pytest

from unseen.core.errors import UserError
from unseen.evaluation.scored import Scored

from .made_up import frame, with_seeds


def test_training_seeds_with_different_faces_are_one_line() -> None:
    faces = with_seeds(frame(0, [0.0, 1.0]), frame(0, [0.0, 1.0]))
    shuffled = faces.iloc[[1, 2, 3, 0]].assign(logit=[1.0, 10.0, 11.0, 0.0])
    assert Scored.of(shuffled).logits.tolist() == [[1.0, 0.0], [11.0, 10.0]]
    with pytest.raises(UserError, match="seeds 4 and 5 have predictions on different faces") as caught:
        Scored.of(faces.iloc[:3])
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="reals/1 is real in one training seed and fake in another"):
        Scored.of(faces.assign(label=[0, 0, 0, 1]))


def test_a_face_in_two_sets_counts_once_and_sets_have_the_same_seeds() -> None:
    first, second = (Scored.of(with_seeds(frame(0, [0.0, n]), frame(0, [5.0, 6.0]))) for n in (1.0, 2.0))
    assert Scored.joined([first, second]).logits.tolist() == [[0.0, 1.0], [5.0, 6.0]]  # type: ignore[union-attr]
    with pytest.raises(UserError, match="predictions of training seeds 4, 5 and 4; run"):
        Scored.joined([first, Scored.of(frame(1, [0.0]))])
