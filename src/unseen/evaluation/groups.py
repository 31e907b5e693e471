"""FPR and TPR of groups of people at one threshold."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from fairlearn.metrics import MetricFrame, count, selection_rate

from unseen.core.errors import UserError
from unseen.core.settings import did_you_mean
from unseen.evaluation.shares import share

SMALL = 30
"""A group with fewer faces of a class is marked as small and excluded from gaps, as its rate is too uncertain: the
95 % interval of 1 of 30 is 0.6 % to 17 %."""

AND = " x "
"""Separator of attributes, and of their values, in groups by several attributes."""

RATES = {"fpr": 0, "tpr": 1}
"""The class whose share called fake is the rate."""


def _values(predictions: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """Each row's group by these attributes; None if the row lacks one of them."""
    found = [dict(pairs) for pairs in predictions["attributes"]]
    groups = [AND.join(of[name] for name in names) if all(map(of.get, names)) else None for of in found]
    return pd.Series(groups, predictions.index, dtype=object)


def _rate(called: pd.Series, groups: pd.Series) -> tuple[pd.DataFrame, float | None]:
    """The rate of one class: `n` and `hits` by group, and the gap between the groups that are not small, or None."""

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
    """Compute the FPR and TPR of groups, and the gaps between groups.

    Groups are formed by each attribute alone and, if there are several, by all of them together. A face without an
    attribute is in no group: fakes from a GAN have no attributes, twins have those of their original.

    Args:
        predictions: predictions of one detector on reals and fakes, with a map `attributes` in each row.
        threshold: frozen threshold on the score.
        attributes: keys of the map.

    Returns:
        For each grouping: `groups`, with `reals`, `fakes`, `fpr` and `tpr` (share, 95 % Wilson interval and n; None
        without faces of that class) and `small` (the rates from fewer than SMALL faces) of each group; `gaps`, the
        largest minus the smallest of each rate among groups that are not small, None for fewer than two such groups;
        and `without`, the number of faces in no group.

    Raises:
        UserError: no face has one of the attributes.
    """
    known = sorted(attributes_of(predictions))
    for name in attributes:
        if name not in known:
            raise UserError(f"groups: no prediction has the attribute {name!r}; {did_you_mean(name, known)}")
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
    """The rates of one group, from `n` and `hits` of each class."""
    n = {rate: int(table["n"].get(group, 0)) for rate, table in tables.items()}
    shares = {rate: share(int(table["hits"][group]), n[rate]) if n[rate] else None for rate, table in tables.items()}
    return {"reals": n["fpr"], "fakes": n["tpr"], **shares, "small": [rate for rate in RATES if n[rate] < SMALL]}


def as_table(found: dict[str, Any]) -> pd.DataFrame:
    """The result of `by_group` as a table with one row per group; rates without faces are NaN."""
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
