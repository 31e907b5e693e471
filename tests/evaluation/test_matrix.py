"""Training recipe by generator, worst first."""

from typing import Any

import numpy as np
import pytest

from unseen.evaluation.matrix import HEADINGS, matrix


def metrics(**generators: tuple[float, float | None]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (tpr, auc) in generators.items():
        found[name] = {"tpr": {"share": tpr}, **({} if auc is None else {"auc": {"value": auc}})}
    return {"generators": found}


def card(*generators: str) -> dict[str, Any]:
    return {"trained_on": {"train": {"generators": list(generators)}, "val": {"generators": list(generators[:1])}}}


DETECTORS = {
    "narrow": metrics(dcgan=(1.0, 0.99), sd=(0.0, 0.4), stylegan=(0.2, None)),
    "wide": metrics(dcgan=(0.9, 0.95), sd=(0.6, 0.8), stylegan=(0.3, None)),
}
CARDS = {"narrow": card("dcgan"), "wide": card("dcgan", "twins")}


def test_generators_are_sorted_by_what_is_caught_of_them_and_detectors_by_their_worst() -> None:
    found = matrix(DETECTORS, CARDS)
    assert list(found.columns) == [*HEADINGS, "stylegan", "sd", "dcgan"]
    tpr = found[found["measure"] == "tpr"].set_index("detector")
    assert list(tpr.index) == ["wide", "narrow"]
    assert tpr.loc["wide", "trained_on"] == "dcgan + twins"
    assert tpr.loc["narrow", ["worst_generator", "worst"]].tolist() == ["sd", 0.0]
    assert tpr.loc["wide", "mean"] == pytest.approx(0.6)
    assert tpr.loc["wide", "std"] == pytest.approx(np.std([0.9, 0.6, 0.3]))
    assert tpr.loc["narrow", ["stylegan", "sd", "dcgan"]].tolist() == [0.2, 0.0, 1.0]


def test_a_measure_that_was_not_taken_is_empty_and_counts_nowhere() -> None:
    auc = matrix(DETECTORS, CARDS).query("measure == 'auc'").set_index("detector")
    assert np.isnan(auc.loc["narrow", "stylegan"])
    assert auc.loc["narrow", ["worst_generator", "worst"]].tolist() == ["sd", 0.4]
    assert auc.loc["narrow", "mean"] == pytest.approx((0.99 + 0.4) / 2)


def test_without_a_set_of_fakes_the_table_is_empty() -> None:
    assert list(matrix({"a": {"generators": {}}}, {"a": card()}).columns) == HEADINGS


def test_what_a_ready_checkpoint_was_trained_on_is_not_known() -> None:
    cards = {**CARDS, "wide": {**CARDS["wide"], "calibrated_only": True}}
    found = matrix(DETECTORS, cards).query("measure == 'tpr'").set_index("detector")
    assert found["trained_on"].to_dict() == {"wide": "", "narrow": "dcgan"}
