"""FPR and TPR of groups of people at one threshold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from fairlearn.metrics import MetricFrame, selection_rate

from unseen.core.errors import UserError
from unseen.core.settings import did_you_mean
from unseen.evaluation.bootstrap import Resampling
from unseen.evaluation.rates import Bools, rate
from unseen.evaluation.scored import Scored

SMALL = 30
"""A group with fewer faces of a class is marked as small and excluded from gaps, as its rate is too uncertain: the
95 % interval of 1 of 30 is 0.6 % to 17 %."""

AND = " x "
"""Separator of attributes, and of their values, in groups by several attributes."""

RATES = {"fpr": 0, "tpr": 1}
"""The class whose share called fake is the rate."""


def _values(faces: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """Each row's group by these attributes; None if the row lacks one of them."""
    found = [dict(pairs) for pairs in faces["attributes"]]
    groups = [AND.join(of[name] for name in names) if all(map(of.get, names)) else None for of in found]
    return pd.Series(groups, faces.index, dtype=object)


def attributes_of(faces: pd.DataFrame) -> set[str]:
    """The attributes that some face has."""
    return {key for pairs in faces["attributes"] for key, value in dict(pairs).items() if value}


def _gap(called: Bools, groups: npt.NDArray[np.object_]) -> list[float] | None:
    """The gap between groups that are not small, for each training seed; None for fewer than two such groups.

    Args:
        called: [seeds, n], whether each face of one class is called fake.
        groups: [n], the group of each.
    """
    names, sizes = np.unique(groups.astype(str), return_counts=True)
    large = np.isin(groups.astype(str), names[sizes >= SMALL])
    if (sizes >= SMALL).sum() < 2:
        return None
    return [
        float(
            MetricFrame(
                metrics=selection_rate, y_true=row[large], y_pred=row[large], sensitive_features=groups[large]
            ).difference(method="between_groups")
        )
        for row in called.astype(int)
    ]


def by_group(faces: Scored, thresholds: npt.ArrayLike, attributes: Sequence[str], how: Resampling) -> dict[str, Any]:
    """Compute the FPR and TPR of groups, and the gaps between groups.

    Groups are formed by each attribute alone and, if there are several, by all of them together. A face without an
    attribute is in no group: fakes from a GAN have no attributes, twins have those of their original.

    Args:
        faces: predictions of one detector on reals and fakes, with a map `attributes` in each row.
        thresholds: frozen threshold on the score of each training seed, or one for all.
        attributes: keys of the map.
        how: of the bootstrap.

    Returns:
        For each grouping: `groups`, with `reals`, `fakes`, `fpr` and `tpr` (see `rate`; None without faces of that
        class) and `small` (the rates from fewer than SMALL faces) of each group; `gaps`, the largest minus the
        smallest of each rate among groups that are not small, the mean over training seeds, None for fewer than two
        such groups; `gaps_by_seed`, those of each training seed; and `without`, the number of faces in no group.

    Raises:
        UserError: no face has one of the attributes.
    """
    known = sorted(attributes_of(faces.faces))
    for name in attributes:
        if name not in known:
            raise UserError(f"groups: no prediction has the attribute {name!r}; {did_you_mean(name, known)}")
    limits = np.broadcast_to(np.asarray(thresholds, np.float64), len(faces.seeds))
    called = faces.scores >= limits[:, None]
    groupings = [[name] for name in attributes] + ([list(attributes)] if len(attributes) > 1 else [])
    found = {}
    for names in groupings:
        groups = _values(faces.faces, names)
        grouped, values = groups.notna().to_numpy(), groups.to_numpy()
        classes = {name: grouped & (faces.labels == label) for name, label in RATES.items()}
        gaps = {name: _gap(called[:, rows], values[rows]) for name, rows in classes.items()}
        found[AND.join(names)] = {
            "groups": {
                group: _one(
                    {
                        name: rate(called[:, rows], faces.people[rows], faces.seeds, how) if rows.any() else None
                        for name, rows in ((name, of & (values == group)) for name, of in classes.items())
                    }
                )
                for group in sorted(set(values[grouped]))
            },
            "gaps": {name: gap and float(np.mean(gap)) for name, gap in gaps.items()},
            "gaps_by_seed": {
                str(seed): {name: gap and gap[number] for name, gap in gaps.items()}
                for number, seed in enumerate(faces.seeds)
            },
            "without": int((~grouped).sum()),
        }
    return found


def _one(rates: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    """One group, from its rates."""
    n = {name: one["n"] if one else 0 for name, one in rates.items()}
    return {"reals": n["fpr"], "fakes": n["tpr"], **rates, "small": [name for name in RATES if n[name] < SMALL]}


def as_table(found: dict[str, Any]) -> pd.DataFrame:
    """The result of `by_group` as a table with one row per group; rates without faces are NaN."""
    rows = []
    for attribute, one in found.items():
        for group, of in one["groups"].items():
            row = {"attribute": attribute, "group": group, "reals": of["reals"], "fakes": of["fakes"]}
            for name in RATES:
                values = of[name] or {}
                row |= {
                    name: values.get("share"),
                    f"{name}_low": values.get("low"),
                    f"{name}_high": values.get("high"),
                }
            rows.append({**row, "small": " ".join(of["small"])})
    return pd.DataFrame(rows)
