"""What a run found, and whether a run on another machine found it too."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unseen.core.errors import UserError
from unseen.core.json_files import read_json, write_metrics
from unseen.report.agreement import FAILS, HOLDS, Compared, compare
from unseen.report.findings import findings
from unseen.report.results import Results

from .runs_of_findings import SEEDS, logits, run_of

Make = Callable[..., Results]


@pytest.fixture
def make(results: Results, tmp_path: Path) -> Make:
    gan = {"collapsed": False}
    gans = {"dcgan": {**results.gans["dcgan"], "seeds": {str(seed): gan for seed in SEEDS}}}
    return run_of(replace(results, gans=gans), tmp_path)


@pytest.fixture
def committed(make: Make, tmp_path: Path) -> Any:
    """The findings of a run, as its file has them."""
    write_metrics(tmp_path / "findings.json", findings(make(logits(0))))
    return read_json(tmp_path / "findings.json")


def failed(compared: list[Compared]) -> set[str]:
    return {one.finding for one in compared if one.outcome == FAILS}


def test_a_run_on_another_machine_finds_the_same(make: Make, committed: dict[str, Any]) -> None:
    found = [compare(committed, findings(make(logits(machine)))) for machine in range(1, 6)]
    assert [failed(compared) for compared in found] == [set()] * 5
    assert sum(one.outcome == HOLDS for one in found[0]) > 0.8 * len(found[0]), "hardly anything would be compared"


def test_findings_are_counts_numbers_and_claims(committed: dict[str, Any]) -> None:
    assert committed["training_seeds"] == 3
    assert committed["exact"]["orl: faces"] == 80
    assert "gan: faces" not in committed["exact"], "fakes depend on trainings"
    numbers = committed["numbers"]
    assert set(numbers) == {
        *(f"dct_logistic on {pair}: {measure}" for pair in ("known", "unseen") for measure in ("AUC", "TPR")),
        "dct_logistic on orl_test: FPR",
    }
    for number in numbers.values():
        assert number["range"][0] <= min(number["seeds"].values()) <= max(number["seeds"].values())
        assert max(number["seeds"].values()) <= number["range"][1]
    claims = {name: claim["is"] for name, claim in committed["claims"].items()}
    assert claims == {
        "dct_logistic on known: AUC against chance": "above",
        "dct_logistic on unseen: AUC against chance": "above",
        "dct_logistic on known: AUC against the best cue": "better",
        "dct_logistic on unseen: AUC against the best cue": "better",
        "dct_logistic on orl_test: FPR against 0.05": "not shown to be above",
        "dct_logistic: AUC on unseen (held out) against known": "lower",
        "dct_logistic: TPR on unseen (held out) against known": "lower",
        "GAN dcgan": "most trainings did not collapse",
    }
    assert committed["claims"]["dct_logistic: TPR on unseen (held out) against known"]["stated"]


def test_flipped_labels_are_found(make: Make, committed: dict[str, Any]) -> None:
    flipped = {name: -values for name, values in logits(1).items()}
    found = failed(compare(committed, findings(make(flipped))))
    assert {f"dct_logistic on {pair}: AUC" for pair in ("known", "unseen")} < found
    assert "dct_logistic on unseen: AUC against chance" in found


def test_a_threshold_that_was_tuned_on_the_test_set_is_found(make: Make, committed: dict[str, Any]) -> None:
    found = logits(1)
    tried = np.linspace(-2, 4, 100)
    both = [
        np.mean([(found["swaps_all"] >= one).mean(), (found["orl_test"] < one).mean()]) for one in tried
    ]  # balanced accuracy
    tuned = findings(make(found, float(tried[np.argmax(both)])))
    names = failed(compare(committed, tuned))
    assert "dct_logistic on unseen: TPR" in names
    assert "dct_logistic on orl_test: FPR" in names
    assert "dct_logistic on unseen: AUC" not in names


def test_an_easier_generator_is_found(make: Make, committed: dict[str, Any]) -> None:
    easier = findings(make(logits(1, {"swaps_all": 5.0})))
    names = failed(compare(committed, easier))
    assert {"dct_logistic on unseen: AUC", "dct_logistic on unseen: TPR"} <= names


def test_another_split_is_found(make: Make, committed: dict[str, Any]) -> None:
    here = make(logits(0))
    orl = here.counts["orl"]
    moved = {**orl["identities"], "test": orl["identities"]["test"] - 1}
    counts = {**here.counts, "orl": {**orl, "identities": moved}}
    assert failed(compare(committed, findings(replace(here, counts=counts)))) == {"orl: identities in test"}


def test_a_collapsed_gan_is_found(make: Make, committed: dict[str, Any]) -> None:
    here = make(logits(0))
    for count, names in ((1, set()), (2, {"GAN dcgan"})):
        seeds = {str(seed): {"collapsed": at < count, "finding": "In any words."} for at, seed in enumerate(SEEDS)}
        changed = replace(here, gans={"dcgan": {**here.gans["dcgan"], "seeds": seeds}})
        assert failed(compare(committed, findings(changed))) == names, "it depends on most trainings"


def test_a_detector_that_is_not_there_does_not_hold(make: Make, committed: dict[str, Any]) -> None:
    here = make(logits(0))
    other = "discriminator"
    renamed = replace(
        here,
        detectors={other: here.detectors["dct_logistic"]},
        cards={**here.cards, other: here.cards["dct_logistic"]},
    )
    claims = {name for name in committed["claims"] if name.startswith("dct_logistic")}
    assert failed(compare(committed, findings(renamed))) == {*committed["numbers"], *claims}


def test_claims_by_a_hair_and_wide_ranges_are_not_stated(make: Make) -> None:
    """An AUC just above chance, and trainings of which some find a generator and others do not."""
    near = findings(make(logits(0, {"swaps_all": 0.45})))
    claim = near["claims"]["dct_logistic on unseen: AUC against chance"]
    assert not claim["stated"]
    said = {one.finding: one.outcome for one in compare(near, near)}
    low, high = near["numbers"]["dct_logistic on unseen: AUC"]["range"]
    otherwise = "not stated: another training may say otherwise (range {:.3f} to {:.3f}"
    assert said["dct_logistic on unseen: AUC against chance"] == otherwise.format(low, high) + ")"
    far = logits(0)
    far["swaps_all"] = far["swaps_all"] + np.array([[-1.5], [0.0], [1.5]])
    apart = findings(make(far))
    outcomes = {one.finding: one.outcome for one in compare(apart, near)}
    of_both = [apart["numbers"][f"dct_logistic on {pair}: TPR"]["range"] for pair in ("unseen", "known")]
    assert outcomes["dct_logistic: TPR on unseen (held out) against known"] == (
        otherwise.format(*of_both[0]) + " against {:.3f} to {:.3f})".format(*of_both[1])
    )
    assert outcomes["dct_logistic on unseen: TPR"] == "not stated: range too wide"
    assert not failed(compare(near, near))


def test_a_run_with_one_training_states_its_counts_alone(one_seed: Results) -> None:
    found = findings(one_seed)
    assert found["training_seeds"] == 1
    assert found["exact"]
    assert {number["range"] for number in found["numbers"].values()} == {None}
    assert not any(claim["stated"] for claim in found["claims"].values())


def test_runs_with_other_numbers_of_trainings_are_not_compared(make: Make, committed: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="set `training_seeds: 3` and run `dvc repro`"):
        compare(committed, {**committed, "training_seeds": 1})
    one = {**committed, "training_seeds": 1}
    with pytest.raises(UserError, match="with one training seed no number has a range"):
        compare(one, one)
