"""FPR and TPR of groups of people, at one threshold."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from fairlearn.metrics import MetricFrame, count, selection_rate

from unseen.core.errors import UserError
from unseen.core.settings import nearest
from unseen.evaluation.shares import share

SMALL = 30
"""Faces of a class below which a group's rate says little: the 95 % interval of 1 of 30 is 0.6 % to 17 %.
Such a group is shown and marked, and no gap is taken from it."""

AND = " x "
"""Joins attributes, and their values, where groups are formed by several."""

RATES = {"fpr": 0, "tpr": 1}
"""Each rate is the share that is called fake: of the reals, and of the fakes."""


def _values(predictions: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """Each row's group by these attributes; nothing where it has not all of them."""
    found = [dict(pairs) for pairs in predictions["attributes"]]
    groups = [AND.join(of[name] for name in names) if all(map(of.get, names)) else None for of in found]
    return pd.Series(groups, predictions.index, dtype=object)


def _rate(called: pd.Series, groups: pd.Series) -> tuple[pd.DataFrame, float | None]:
    """Of one class: `n` and `hits` by group; and the gap between the groups that are not small, or None."""

    def rates(rows: pd.Series) -> Any:
        metrics = {"n": count, "share": selection_rate}
        return MetricFrame(metrics=metrics, y_true=rows, y_pred=rows, sensitive_features=groups[rows.index])

    if called.empty:
        return pd.DataFrame({"n": [], "hits": []}), None
    found = rates(called).by_group
    table = pd.DataFrame({"n": found["n"].astype(int), "hits": (found["share"] * found["n"]).round().astype(int)})
    large = called[groups.isin(table.index[table["n"] >= SMALL])]
    if groups[large.index].nunique() < 2:
        return table, None
    return table, float(rates(large).difference(method="between_groups")["share"])


def attributes_of(predictions: pd.DataFrame) -> set[str]:
    """The attributes that some face has."""
    return {key for pairs in predictions["attributes"] for key, value in dict(pairs).items() if value}


def by_group(predictions: pd.DataFrame, threshold: float, attributes: Sequence[str]) -> dict[str, Any]:
    """False-positive and true-positive rates of groups, with gaps.

    Groups are formed by each attribute alone and, where there are several, by all of them together. A face that does
    not have an attribute is in none of its groups: fakes out of a GAN are of nobody, twins are of their real.

    Args:
        predictions: of one detector, reals and fakes together, with a map of `attributes` a row.
        threshold: frozen, on the score.
        attributes: keys of the map.

    Returns:
        For each grouping: `groups`, of each its `reals`, `fakes`, `fpr` and `tpr` (share, 95 % Wilson interval and
        n, None where it has no face of that class) and `small` (which of the rates come from fewer than SMALL faces);
        `gaps`: for each rate the largest less the smallest among the groups that are not small, None where fewer
        than two are left; and `without`: how many faces are in no group.

    Raises:
        UserError: no face has that attribute.
    """
    known = sorted(attributes_of(predictions))
    for name in attributes:
        if name not in known:
            raise UserError(f"groups: no prediction has the attribute {name!r}; {nearest(name, known)}")
    called = (predictions["score"] >= threshold).astype(int)
    groupings = [[name] for name in attributes] + ([list(attributes)] if len(attributes) > 1 else [])
    found = {}
    for names in groupings:
        groups = _values(predictions, names).dropna()
        labels = predictions["label"][groups.index]
        rates = {rate: _rate(called[groups.index[labels == label]], groups) for rate, label in RATES.items()}
        tables = {rate: table for rate, (table, _) in rates.items()}
        found[AND.join(names)] = {
            "groups": {group: _one(group, tables) for group in sorted(set(groups))},
            "gaps": {rate: gap for rate, (_, gap) in rates.items()},
            "without": len(predictions) - len(groups),
        }
    return found


def _one(group: str, tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """What is known of one group, from `n` and `hits` of each class."""
    n = {rate: int(table["n"].get(group, 0)) for rate, table in tables.items()}
    shares = {rate: share(int(table["hits"][group]), n[rate]) if n[rate] else None for rate, table in tables.items()}
    return {"reals": n["fpr"], "fakes": n["tpr"], **shares, "small": [rate for rate in RATES if n[rate] < SMALL]}


def as_table(found: dict[str, Any]) -> pd.DataFrame:
    """What `by_group` found, a row a group; a rate and its interval are not a number where there is no face."""
    rows = []
    for attribute, one in found.items():
        for group, of in one["groups"].items():
            row = {"attribute": attribute, "group": group, "reals": of["reals"], "fakes": of["fakes"]}
            for rate in RATES:
                values = of[rate] or {}
                row |= {
                    rate: values.get("share"),
                    f"{rate}_low": values.get("low"),
                    f"{rate}_high": values.get("high"),
                }
            rows.append({**row, "small": " ".join(of["small"])})
    return pd.DataFrame(rows)
