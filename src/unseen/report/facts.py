"""Key facts at the top of the page: the worst generator, the FPR, and the number of faces."""

from collections.abc import Callable, Sequence
from typing import Any

from unseen.data.identities import people_text
from unseen.evaluation.wording import between, over_seeds
from unseen.report.results import Measured, seen, worst_generator
from unseen.report.tables import percent, thousand

Fact = dict[str, str]


def _spread(found: dict[str, Any], write: Callable[[float], str]) -> str:
    seeds = over_seeds(found["seeds"], write)
    return (f"seeds: {seeds}; " if seeds else "") + f"95 %: {between(found['share'], found, write)}"


def facts(results: Measured, detectors: Sequence[str]) -> list[Fact]:
    """Return facts with `title`, `value`, `text` and `note`. For several detectors, a value is a range."""
    found = [fact for fact in (_missed(results, detectors), _fpr(results, detectors)) if fact]
    metrics = results.detectors[detectors[0]]
    every = metrics.get("pooled") or next(iter(metrics["pairs"].values()))
    people = every["people"]["reals"]
    n = {name: every[name]["n"] for name in ("fpr", "tpr")}
    of = people_text(**people) if people["people"] else "no identities: intervals treat each picture as a person"
    text = f"real faces and {n['tpr']:,} fakes"
    return [*found, {"title": "Measured on", "value": f"{n['fpr']:,}", "text": text, "note": f"real faces: {of}"}]


def _missed(results: Measured, detectors: Sequence[str]) -> Fact | None:
    worst = {name: worst_generator(results, name) for name in detectors}
    shares = {
        name: results.detectors[name]["generators"][generator]["tpr"]
        for name, generator in worst.items()
        if generator
    }
    if not shares:
        return None
    low, high = (pick(shares, key=lambda name: float(shares[name]["share"])) for pick in (min, max))
    if low == high:
        known = seen(results, low, worst[low])
        text = {None: "", True: ", seen in training", False: ", never seen in training"}[known]
        note = f"{_spread(shares[low], percent)}; n {shares[low]['n']}"
        value, text = percent(shares[low]["share"]), f"TPR on {worst[low]}{text}"
    else:
        value = f"{percent(shares[low]['share'])} to {percent(shares[high]['share'])}"
        text = "TPR, by detector"
        note = f"{low} on {worst[low]}, {high} on {worst[high]}"
    return {"title": "Worst generator", "value": value, "text": text, "note": note}


def _fpr(results: Measured, detectors: Sequence[str]) -> Fact:
    most = {
        name: max(results.detectors[name]["sources"].items(), key=lambda item: (item[1]["share"], item[0]))
        for name in detectors
    }
    low, high = (pick(most, key=lambda name: float(most[name][1]["share"])) for pick in (min, max))
    source, share = most[high]
    if len(detectors) == 1:
        value, text = thousand(share["share"]), f"of 1,000 real faces of {source}"
        note = f"{_spread(share, thousand)} of 1,000; n {share['n']}"
    else:
        value = f"{thousand(most[low][1]['share'])} to {thousand(share['share'])}"
        text, note = "of 1,000 real faces, by detector", f"{low} on {most[low][0]}, {high} on {source}"
    return {"title": "FPR", "value": value, "text": text, "note": note}
