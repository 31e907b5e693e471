"""Each training seed of a detector is measured on the fakes of its own training of the generator."""

import pandas as pd
import pytest

from unseen.core.errors import UserError
from unseen.evaluation.in_domain import in_domain, other_trainings
from unseen.evaluation.scored import Scored

from .made_up import columns, with_seeds

REALS = pd.DataFrame(columns(0, [-1.0, 0.0, 1.0, 2.0], name="reals"))


def fakes(made_by: list[str], logits: list[float], generator: str = "dcgan") -> pd.DataFrame:
    rows = pd.DataFrame(columns(1, logits, name=generator))
    attributes = [[("training_seed", seed)] if seed else [] for seed in made_by]
    return rows.assign(generator=generator, attributes=attributes)


def scored(first: pd.DataFrame, second: pd.DataFrame) -> Scored:
    """Predictions of training seeds 4 and 5."""
    return Scored.of(with_seeds(first, second))


@pytest.fixture
def known() -> Scored:
    """Each network catches the fakes of its own training alone. One fake of training 5 has no partner."""
    made_by = ["4", "5", "4", "5", "5"]
    return scored(
        pd.concat([REALS, fakes(made_by, [5.0, -5.0, 6.0, -6.0, -7.0])], ignore_index=True),
        pd.concat([REALS, fakes(made_by, [-5.0, 7.0, -6.0, 8.0, 9.0])], ignore_index=True),
    )


def test_each_training_seed_keeps_the_fakes_of_its_own_training(known: Scored) -> None:
    found = in_domain(known, ["dcgan"])
    assert found.labels.tolist() == [0, 0, 0, 0, 1, 1]
    assert found.logits is not None
    assert found.logits[:, 4:].tolist() == [[5.0, 6.0], [7.0, 8.0]]
    assert (found.logits[:, :4] == known.logits[:, :4]).all()  # type: ignore[index]


def test_held_out_generators_and_pictures_of_sources_stay_as_they_are(known: Scored) -> None:
    assert in_domain(known, ["another"]) is known
    source = scored(*[pd.concat([REALS, fakes(["", ""], [1.0, 2.0], "stylegan")], ignore_index=True)] * 2)
    assert in_domain(source, ["stylegan"]) is source


def test_a_training_without_fakes_is_an_error() -> None:
    both = scored(*[fakes(["4", "4"], [1.0, 2.0])] * 2)
    with pytest.raises(UserError, match="not all trainings of dcgan have fakes"):
        in_domain(both, ["dcgan"])


def test_fakes_of_the_other_trainings_are_measured_apart(known: Scored) -> None:
    found = other_trainings(known, ["dcgan"], [0.5, 0.5])
    assert found["n"] == {"4": 3, "5": 2}
    assert found["tpr"] == {"value": 0.0, "seeds": {"4": 0.0, "5": 0.0}}
    assert found["auc"] == {"value": 0.0, "seeds": {"4": 0.0, "5": 0.0}}
    assert other_trainings(known, [], [0.5, 0.5]) == {}
    one = Scored.of(pd.concat([REALS, fakes(["4"], [1.0])], ignore_index=True))
    assert other_trainings(one, ["dcgan"], [0.5]) == {}, "one training seed has no other trainings"
