"""Matrix of a detector that was trained without one generator at a time: generators left out by generators measured.

On the diagonal a generator is unseen; in the rest of its column the detector has trained on it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.data.evaluation_sets import EvaluationSet, Pair, pairs_of
from unseen.data.predictions import read_predictions
from unseen.evaluation.bootstrap import (
    Resampling,
    bounded,
    by_name,
    mean_of_drawn,
    resample_counts,
    seed_counts,
    strata,
)
from unseen.evaluation.controls import is_control
from unseen.evaluation.cues import VISIBLE, best_cue
from unseen.evaluation.in_domain import in_domain
from unseen.evaluation.pair_bounds import Trials
from unseen.evaluation.ranking import Ranking, resampled_aucs
from unseen.evaluation.scored import Frozen, Scored, frozen_of, trainings_of

MEASURES = ("auc", "tpr", "fpr")
COLUMNS = ["detector", "left_out", "generator", "unseen", "measure", "value", "low", "high", "seeds_min", "seeds_max"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LeftOut:
    """One row of the matrix: predictions by evaluation set, and what each training seed froze."""

    predictions: dict[str, Scored]
    trained: dict[int, Frozen]


def read_left_out(folder: Path, generator: str, names: Sequence[str]) -> LeftOut:
    """Read what the stage `leave_one_out` wrote for one generator.

    Args:
        folder: of the detector, with a folder for each generator.
        generator: the one that was left out.
        names: of the evaluation sets.

    Raises:
        UserError: predictions are missing or damaged, or the detector has trained on the generator.
    """
    folder = folder / generator
    card = read_json(folder / "trainings.json")
    if any(generator in split["generators"] for split in card["trained_on"].values()):
        raise UserError(f"{folder}: the detector has trained on {generator}, which was to be left out")
    files = {name: folder / f"{name}.parquet" for name in names}
    predictions = {name: Scored.of(read_predictions(file), str(file)) for name, file in files.items()}
    trained = trainings_of(card)
    for name, faces in predictions.items():
        frozen_of(trained, faces.seeds, str(files[name]))
    return LeftOut(predictions, trained)


def _pairs_of_sets(row: LeftOut, stated: Mapping[str, Pair]) -> list[tuple[str, str]]:
    """The pairs as the names of their sets of reals and of fakes. Null controls are in none."""
    labels = {
        name: "fake" if faces.labels[0] else "real"
        for name, faces in row.predictions.items()
        if not is_control(faces)
    }
    return sorted({(pair.reals, pair.fakes) for pair in pairs_of(dict(stated), labels).values()})


def _faces(row: LeftOut, generator: str, pairs: Sequence[tuple[str, str]]) -> Scored:
    """The fakes of a generator, for each training seed those of its own training, and the reals that they are paired
    with."""
    reals, fakes = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
    every = Scored.joined(row.predictions[name] for name in fakes)
    of_it = in_domain(every.take((every.faces["generator"] == generator).to_numpy()), [generator])
    return Scored.joined([*(row.predictions[name] for name in reals), of_it])


class _Column:
    """The measures of every row of the matrix on one generator, and the same in each resample.

    All rows score the same faces, so that a resample draws the same people and training seeds for all of them:
    differences between rows are paired.

    Attributes:
        values: [rows, measures, seeds].
        resampled: [rows, measures, resamples], the mean over the drawn training seeds.
    """

    def __init__(self, rows: Sequence[Scored], thresholds: Sequence[Sequence[float]], how: Resampling) -> None:
        """Measure `rows`, which have the same faces and training seeds, at the threshold of each row and seed."""
        first = rows[0]
        labels, people, self.seeds = first.labels, first.people, first.seeds
        shape = len(rows), len(first.seeds)
        rankings = [[Ranking(labels, values) for values in row.values] for row in rows]
        called = np.array(
            [row.scores >= np.asarray(limits)[:, None] for row, limits in zip(rows, thresholds, strict=True)]
        )
        aucs = [[ranking.all_once().auc for ranking in of_row] for of_row in rankings]
        tpr, fpr = (called[:, :, labels == label].mean(2) for label in (1, 0))
        self.values = np.stack([np.array(aucs), tpr, fpr], 1)
        persons = int(people.max()) + 1
        flat = called.reshape(-1, len(labels))
        hits, faces = [], []
        for label in (1, 0):
            chosen = labels == label
            hits.append(np.stack([np.bincount(people[chosen], one[chosen], persons) for one in flat], 1))
            faces.append(np.bincount(people[chosen], minlength=persons))
        drawn = seed_counts(shape[1], how)
        found = np.zeros((how.resamples, len(MEASURES), *shape))
        found[:, 0] = np.stack(resampled_aucs(rankings, [drawn] * shape[0], labels, people, how), 1)
        for number, counts in enumerate(resample_counts(strata(labels, people), how)):
            for place, (hit, n) in enumerate(zip(hits, faces, strict=True), start=1):
                found[number, place] = ((counts @ hit) / (counts @ n)).reshape(shape)
        self.resampled = np.array(
            [
                [mean_of_drawn(found[:, measure, row], drawn) for measure in range(len(MEASURES))]
                for row in range(shape[0])
            ]
        )
        pairs = Trials.of(labels, labels == 1, people).pairs
        self.trials = [pairs, *(int((n > 0).sum()) for n in faces)]
        self.counts = {"fakes": int((labels == 1).sum()), "reals": int((labels == 0).sum())}

    def summary(self, values: Floats, resampled: Floats, least: float = 0.0) -> dict[str, Any]:
        """`value`, the mean over seeds, its interval, and `seeds`, the value of each, for each measure.

        Args:
            values: [measures, seeds].
            resampled: [measures, resamples].
            least: the lowest possible value: -1 for differences.
        """
        return {
            measure: {
                "value": float(values[place].mean()),
                **bounded(resampled[place], self.trials[place], least),
                "seeds": by_name(self.seeds, values[place]),
            }
            for place, measure in enumerate(MEASURES)
        }


def _same_faces(rows: Mapping[str, Scored]) -> None:
    """Check that all rows have predictions on the same faces, from the same training seeds."""
    (first, one), *others = rows.items()
    for name, other in others:
        if other.seeds != one.seeds or other.faces["id"].tolist() != one.faces["id"].tolist():
            raise UserError(
                f"predictions without {first} and without {name} are on different faces or of different training "
                "seeds; run `dvc repro`"
            )


def _cues(audit: Mapping[str, Any], pair: str) -> Iterator[dict[str, Any]]:
    """The visible cues of an audited pair, each with `pair`, `kind`, `cue`, `auc`, `low` and `high`."""
    for kind in VISIBLE:
        for cue, one in audit["pairs"].get(pair, {}).get(kind, {}).get("cues", {}).items():
            yield {"pair": pair, "kind": kind, "cue": cue, **one}


def with_cues(
    found: Mapping[str, Any], audit: Mapping[str, Any], sets: Mapping[str, EvaluationSet]
) -> dict[str, Any]:
    """Add to each generator of `leave_one_out` the `cue` from `best_cue`: what a detector must exceed.

    Args:
        found: from `leave_one_out`.
        audit: from `audit`, whose pairs have the names of stored sets.
        sets: the evaluation sets of params.
    """
    stored = {name: one.data.rpartition("/")[2] for name, one in sets.items()}
    generators = {}
    for name, one in found["generators"].items():
        pairs = [f"{stored[reals]} / {stored[fakes]}" for reals, fakes in one["pairs"]]
        generators[name] = {**one, "cue": best_cue(cue for pair in pairs for cue in _cues(audit, pair))}
    return {**found, "generators": generators}


def leave_one_out(rows: Mapping[str, LeftOut], stated: Mapping[str, Pair], how: Resampling) -> dict[str, Any]:
    """Measure a detector that was trained without one generator at a time.

    Args:
        rows: by the generator that was left out, two or more.
        stated: `evaluation.pairs`; if empty, every set of reals stands against every set of fakes.
        how: of the bootstrap.

    Returns:
        `seeds`, the training seeds; `matrix`, for each generator left out and each measured, `auc`, and `tpr` and
        `fpr` at the frozen threshold, each with `value`, `low`, `high` and `seeds`; and `generators`: for each, the
        same measures `unseen`, the diagonal; `seen`, the mean over the rest of its column; `drop`, seen minus unseen;
        its `pairs`, as the evaluation sets of reals and of fakes; and the number of `fakes` and `reals`.

    Raises:
        UserError: the rows have predictions on different faces, or a generator has no fakes in any pair.
    """
    first, names = next(iter(rows.values())), list(rows)
    pairs = _pairs_of_sets(first, stated)
    matrix: dict[str, dict[str, Any]] = {name: {} for name in names}
    generators: dict[str, Any] = {}
    for place, generator in enumerate(names):
        with_it = [pair for pair in pairs if (first.predictions[pair[1]].faces["generator"] == generator).any()]
        if not with_it:
            raise UserError(f"no evaluation set of a pair has fakes of the generator {generator!r}")
        faces = {name: _faces(row, generator, with_it) for name, row in rows.items()}
        _same_faces(faces)
        limits = [[row.trained[seed].threshold for seed in faces[name].seeds] for name, row in rows.items()]
        column = _Column(list(faces.values()), limits, how)
        for number, name in enumerate(names):
            matrix[name][generator] = column.summary(column.values[number], column.resampled[number])
        others = [number for number in range(len(names)) if number != place]
        seen = column.values[others].mean(0), column.resampled[others].mean(0)
        drop = seen[0] - column.values[place], seen[1] - column.resampled[place]
        generators[generator] = {
            "unseen": matrix[generator][generator],
            "seen": column.summary(*seen),
            "drop": column.summary(*drop, least=-1.0),
            "pairs": [list(pair) for pair in with_it],
            **column.counts,
        }
    return {"seeds": sorted(first.trained), "matrix": matrix, "generators": generators}


def as_table(detector: str, found: Mapping[str, Any]) -> pd.DataFrame:
    """The matrix as a table with a row for each cell and measure, columns COLUMNS."""
    rows = [
        {
            "detector": detector,
            "left_out": left_out,
            "generator": generator,
            "unseen": left_out == generator,
            "measure": measure,
            **{key: one[measure][key] for key in ("value", "low", "high")},
            "seeds_min": min(one[measure]["seeds"].values()),
            "seeds_max": max(one[measure]["seeds"].values()),
        }
        for left_out, row in found["matrix"].items()
        for generator, one in row.items()
        for measure in MEASURES
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
