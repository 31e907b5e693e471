"""Metrics on the fakes of each training of a generator."""

import numpy as np
import pandas as pd

from unseen.evaluation.generator_seeds import by_generator_seed
from unseen.evaluation.scored import Scored

from .made_up import columns, with_seeds


def fakes(logits: dict[str, list[float]]) -> pd.DataFrame:
    """Fakes of a generator, by its training seed."""
    made_by = [seed for seed, values in logits.items() for _ in values]
    rows = columns(1, [value for values in logits.values() for value in values], name="fakes")
    return pd.DataFrame({**rows, "attributes": [[("training_seed", seed)] if seed else [] for seed in made_by]})


REALS = pd.DataFrame(columns(0, [-1.0, 0.0, 1.0, 2.0], name="reals"))


def test_fakes_of_each_training_stand_against_all_reals() -> None:
    both = Scored.of(pd.concat([REALS, fakes({"4": [3.0, 4.0], "10": [-2.0, 0.5], "": [9.0]})]))
    found = by_generator_seed(both, [0.5])
    assert found == {"4": {"auc": 1.0, "tpr": 1.0}, "10": {"auc": 0.25, "tpr": 0.5}}
    assert list(found) == ["4", "10"]


def test_they_are_means_over_the_trainings_of_the_detector() -> None:
    first = pd.concat([REALS, fakes({"0": [3.0, 4.0], "1": [3.0, 4.0]})])
    second = first.assign(logit=-first["logit"], score=1 - first["score"])
    found = by_generator_seed(Scored.of(with_seeds(first, second)), [0.5, 0.5])
    assert found["0"] == found["1"] == {"auc": 0.5, "tpr": 0.5}
    strict = by_generator_seed(Scored.of(with_seeds(first, second)), [0.97, 0.5])
    assert np.isclose(strict["0"]["tpr"], 0.25), "each training has its own threshold"


def test_pictures_of_a_source_have_no_training() -> None:
    assert by_generator_seed(Scored.of(pd.concat([REALS, fakes({"": [1.0, 2.0]})])), [0.5]) == {}
