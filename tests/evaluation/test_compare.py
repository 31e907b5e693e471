"""Two detectors on the same faces: the definitions by brute force, worked examples, and what can't be joined."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from unseen.core.errors import UserError
from unseen.evaluation.compare import compare, delong, join_predictions, mcnemar
from unseen.evaluation.ranking import Ranking


def drawn(seed: int, reals: int = 60, fakes: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat([0, 1], [reals, fakes]))
    first = np.round(random.normal(labels * 1.2, 1), 1)  # with ties
    return labels, first, np.round(0.5 * first + random.normal(labels * 0.4, 1), 1)


def brute(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Difference and variance after DeLong et al. 1988, equations 4 to 7, over all pairs."""
    of_reals, of_fakes = [], []
    for values in (first, second):
        reals, fakes = values[labels == 0], values[labels == 1]
        psi = (fakes[:, None] > reals) + 0.5 * (fakes[:, None] == reals)
        of_fakes.append(psi.mean(1))
        of_reals.append(psi.mean(0))
    s = np.cov(of_fakes) / len(of_fakes[0]) + np.cov(of_reals) / len(of_reals[0])
    return float(of_fakes[0].mean() - of_fakes[1].mean()), float(s[0, 0] + s[1, 1] - 2 * s[0, 1])


@pytest.mark.parametrize("seed", range(5))
def test_delong_is_its_definition_over_all_pairs(seed: int) -> None:
    labels, first, second = drawn(seed)
    difference, variance = brute(labels, first, second)
    found = delong(labels, first, second)
    assert found["difference"] == pytest.approx(difference, abs=1e-12)
    assert found["se"] == pytest.approx(variance**0.5, abs=1e-12)
    assert found["p"] == pytest.approx(2 * norm.sf(abs(difference) / variance**0.5))
    assert found["high"] - found["low"] == pytest.approx(2 * 1.959964 * variance**0.5, rel=1e-6)


def test_delong_agrees_with_a_bootstrap_of_both_classes() -> None:
    labels, first, second = drawn(11, 150, 150)
    random, differences = np.random.default_rng(0), []
    for _ in range(600):
        rows = np.concatenate([random.choice(np.flatnonzero(labels == k), 150) for k in (0, 1)])
        aucs = [Ranking(labels[rows], values[rows]).all_once().auc for values in (first, second)]
        differences.append(aucs[0] - aucs[1])
    assert delong(labels, first, second)["se"] == pytest.approx(np.std(differences), rel=0.1)


def test_delong_of_a_detector_and_itself_is_no_difference() -> None:
    labels, first, _ = drawn(2)
    found = delong(labels, first, 3 * first + 1)
    assert (found["difference"], found["p"]) == (0.0, 1.0)


def test_delong_keeps_its_level_where_both_are_equally_good() -> None:
    random = np.random.default_rng(5)
    labels = np.repeat([0, 1], 50)
    p = [delong(labels, random.normal(labels, 1), random.normal(labels, 1))["p"] for _ in range(400)]
    assert np.mean(np.asarray(p) < 0.05) == pytest.approx(0.05, abs=0.03)


def test_mcnemar_exact_worked_by_hand() -> None:
    first = np.repeat([True, True, False, False], [30, 9, 1, 5])
    second = np.repeat([True, False, True, False], [30, 9, 1, 5])
    found = mcnemar(first, second)
    assert (found["only_first_right"], found["only_second_right"]) == (9, 1)
    assert found["p"] == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar(first, first)["p"] == 1.0


def table(ids: list[str], labels: list[int], scores: list[float], sha256: list[str] | None = None) -> pd.DataFrame:
    blank = [""] * len(ids)
    columns = {"id": ids, "label": labels, "score": scores, "sha256": sha256 or blank}
    return pd.DataFrame({**columns, "identity": ids})


def test_faces_are_joined_by_id_in_any_order_and_the_others_counted() -> None:
    first = table(["a", "b", "c", "d", "e"], [0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5])
    second = table(["x", "d", "c", "b", "a"], [1, 1, 1, 0, 0], [0.9, 0.8, 0.7, 0.6, 0.5])
    found = join_predictions(first, second)
    assert (found.by, found.only_first, found.only_second) == ("id", 1, 1)
    assert found.first.faces["id"].tolist() == found.second.faces["id"].tolist() == ["a", "b", "c", "d"]
    assert found.second.scores.tolist() == [[0.5, 0.6, 0.7, 0.8]]
    result = compare(found, (0.25, 0.65), 100, 4)
    assert result["n"] == {
        **{"reals": 2, "fakes": 2, "only_first": 1, "only_second": 1, "joined_by": "id"},
        **{"people": 0, "without_identity": 4},
    }
    assert result["accuracy"] == [1.0, 1.0]
    assert result["auc"] == [1.0, 1.0]


def test_faces_under_other_names_are_joined_by_their_files() -> None:
    first = table(["1", "2", "3"], [0, 0, 1], [0.1, 0.2, 0.3], ["p", "q", "r"])
    second = table(["a", "b", "c", "d"], [1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], ["r", "p", "s", "s"])
    found = join_predictions(first, second)
    assert (found.by, found.only_first, found.only_second) == ("sha256", 1, 2)
    assert found.second.faces["id"].tolist() == ["b", "a"]


def test_what_cannot_be_compared_is_one_line() -> None:
    first = table(["a", "b", "c"], [0, 0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(UserError, match="no face is in both tables"):
        join_predictions(first, table(["x"], [0], [0.5]))
    with pytest.raises(UserError, match=r"id b: real in one table and fake in the other \(1 such faces\)"):
        join_predictions(first, table(["a", "b", "c"], [0, 1, 1], [0.1, 0.2, 0.3]))
    with pytest.raises(UserError, match="2 real and 1 fake faces are in both tables"):
        compare(join_predictions(first, first), (0.5, 0.5), 100, 4)


def test_pictures_of_one_person_widen_the_interval_over_people() -> None:
    labels, first, second = drawn(4, 300, 300)
    ids = [str(i) for i in range(600)]
    tables = [table(ids, labels.tolist(), (1 / (1 + np.exp(-values))).tolist()) for values in (first, second)]
    order = np.argsort(first - second, kind="stable")  # a person's pictures are alike in how the detectors differ
    people = np.empty(600, int)
    people[order] = np.arange(600) // 20
    widths = []
    for identity in (ids, [str(person) for person in people]):
        found = compare(join_predictions(tables[0].assign(identity=identity), tables[1]), (0.5, 0.5), 400, 4)
        widths.append(found["people"]["high"] - found["people"]["low"])
    assert widths[0] == pytest.approx(found["delong"]["high"] - found["delong"]["low"], rel=0.15)
    assert widths[1] > 1.3 * widths[0]


def trained(seeds: int, spread: float, base: int = 4) -> pd.DataFrame:
    """Predictions of trainings that rank 60 reals and 40 fakes more and less well."""
    labels, first, _ = drawn(3)
    parts = []
    for seed in range(seeds):
        better = spread * (seed - (seeds - 1) / 2)
        scores = 1 / (1 + np.exp(-(first + better * labels)))
        parts.append(table([str(i) for i in range(100)], labels.tolist(), scores.tolist()).assign(seed=base + seed))
    return pd.concat(parts, ignore_index=True)


def test_training_seeds_are_resampled_for_both_detectors_alike() -> None:
    """Two detectors whose trainings differ much, and in the same way: paired, their difference does not vary."""
    three, moved = trained(3, 1.5), trained(3, 1.5)
    moved["score"] = 1 / (1 + np.exp(-(np.log(moved["score"] / (1 - moved["score"])) - 0.2 * moved["label"])))
    paired = compare(join_predictions(three, moved), (0.5, 0.5), 400, 4)
    apart = compare(join_predictions(three, moved.assign(seed=moved["seed"] + 10)), (0.5, 0.5), 400, 4)
    assert (paired["seeds"], apart["seeds"]) == ([[4, 5, 6]] * 2, [[4, 5, 6], [14, 15, 16]])
    width = {
        name: one["people"]["high"] - one["people"]["low"] for name, one in (("paired", paired), ("apart", apart))
    }
    assert width["apart"] > 2 * width["paired"]
    alone = [compare(join_predictions(*(one[one["seed"] == seed] for one in (three, moved))), (0.5, 0.5), 100, 4)
             for seed in (4, 5, 6)]  # fmt: skip
    for side in (0, 1):
        assert list(paired["auc_seeds"][side].values()) == [one["auc"][side] for one in alone]
        assert paired["auc"][side] == pytest.approx(np.mean([one["auc"][side] for one in alone]))
        assert paired["accuracy"][side] == pytest.approx(np.mean([one["accuracy"][side] for one in alone]))
    assert paired["delong"]["difference"] == pytest.approx(np.mean([one["delong"]["difference"] for one in alone]))
    assert paired["mcnemar"] == alone[0]["mcnemar"], "of the first training seeds"


def test_delong_of_several_seeds_is_the_variance_of_mean_placements() -> None:
    labels, first, second = drawn(6)
    values = np.stack([first, second])
    found, one = delong(labels, values, second), delong(labels, first, second)
    assert found["difference"] == pytest.approx(one["difference"] / 2)
    assert found["se"] == pytest.approx(one["se"] / 2)
    assert delong(labels, np.stack([first, first]), second) == pytest.approx(one)


def test_several_seeds_against_a_file_of_one() -> None:
    found = compare(join_predictions(trained(3, 1.5), trained(1, 0).drop(columns="seed")), (0.5, 0.5), 200, 4)
    assert found["seeds"] == [[4, 5, 6], [0]]
    assert found["people"]["low"] < found["auc"][0] - found["auc"][1] < found["people"]["high"]
