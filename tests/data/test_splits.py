import random
from collections import Counter

import pytest
from pydantic import ValidationError

from unseen.core.draws import unit_interval
from unseen.data.splits import SplitSettings, split_of

SHARES = SplitSettings(seed=4, val=0.2, test=0.3)
PEOPLE = [f"source/{number}" for number in range(10_000)]


def test_known_answers() -> None:
    """A change here moves people between splits in every project: never by accident."""
    assert unit_interval("split", 4, "orl/s1") == 0.09316165708260982
    found = [split_of(f"orl/s{number}", SHARES) for number in range(1, 9)]
    assert found == ["test", "val", "train", "test", "train", "test", "train", "train"]


def test_shares_are_kept() -> None:
    shares = Counter(split_of(person, SHARES) for person in PEOPLE)
    assert shares["test"] / len(PEOPLE) == pytest.approx(0.3, abs=0.02)
    assert shares["val"] / len(PEOPLE) == pytest.approx(0.2, abs=0.02)
    assert shares.total() == len(PEOPLE)


def test_a_split_depends_on_nobody_else() -> None:
    before = {person: split_of(person, SHARES) for person in PEOPLE[:1000]}
    more = [*PEOPLE, *(f"other/{number}" for number in range(1000))]
    random.Random(4).shuffle(more)
    after = {person: split_of(person, SHARES) for person in more}
    assert {person: after[person] for person in before} == before


def test_another_seed_is_another_split() -> None:
    moved = sum(
        split_of(person, SHARES) != split_of(person, SHARES.model_copy(update={"seed": 5})) for person in PEOPLE
    )
    # Two independent draws differ with probability 1 - (0.5^2 + 0.2^2 + 0.3^2).
    assert moved / len(PEOPLE) == pytest.approx(0.62, abs=0.02)


def test_more_validation_takes_nobody_out_of_the_test_people() -> None:
    def tested(val: float) -> set[str]:
        return {person for person in PEOPLE if split_of(person, SplitSettings(seed=4, val=val, test=0.3)) == "test"}

    assert tested(0.1) == tested(0.6)


@pytest.mark.parametrize(("val", "test", "only"), [(0.0, 0.0, "train"), (0.0, 0.9999, "test"), (0.9999, 0.0, "val")])
def test_the_ends_of_the_range(val: float, test: float, only: str) -> None:
    shares = SplitSettings(seed=4, val=val, test=test)
    assert {split_of(person, shares) for person in PEOPLE[:500]} == {only}


@pytest.mark.parametrize(("val", "test"), [(0.5, 0.5), (-0.1, 0.2), (0.2, 1.0), (0.7, 0.6)])
def test_impossible_shares(val: float, test: float) -> None:
    with pytest.raises(ValidationError):
        SplitSettings(val=val, test=test)


def test_the_unit_interval_is_even_and_never_one() -> None:
    values = [unit_interval("x", number) for number in range(10_000)]
    assert all(0 <= value < 1 for value in values)
    tenths = Counter(int(value * 10) for value in values)
    assert min(tenths.values()) > 900
    assert max(tenths.values()) < 1100
    assert unit_interval("a", "b") != unit_interval("ab")
