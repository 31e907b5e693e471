"""Predictions with the training seeds side by side: one row per face, one score of it per training seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from unseen.core.errors import UserError

Floats = npt.NDArray[np.float64]
NO_SEED = 0
"""The training seed of predictions that state none."""


def listed_seeds(seeds: Iterable[int]) -> str:
    """Training seeds in ascending order, for a message."""
    return ", ".join(map(str, sorted(seeds)))


@dataclass(frozen=True)
class Scored:
    """Predictions of one detector on n faces.

    Attributes:
        faces: [n] rows: id, label, identity and the other columns that do not depend on the training seed.
        seeds: the training seeds, ascending.
        scores: [seeds, n], probabilities of being fake.
        logits: [seeds, n], None if the predictions have none.
    """

    faces: pd.DataFrame
    seeds: list[int]
    scores: Floats
    logits: Floats | None

    @classmethod
    def of(cls, predictions: pd.DataFrame, where: str = "predictions") -> "Scored":
        """Put the rows of the training seeds side by side. Without a column `seed` there is one seed, NO_SEED.

        Args:
            predictions: columns id, label, score and, if present, seed and logit; (id, seed) is unique.
            where: names the predictions in messages.

        Raises:
            UserError: two training seeds have different faces, or a face has two labels.
        """
        stated = (
            predictions["seed"].to_numpy(np.int64) if "seed" in predictions else np.full(len(predictions), NO_SEED)
        )
        seeds = [int(seed) for seed in np.unique(stated)]
        parts = [predictions[stated == seed].reset_index(drop=True) for seed in seeds]
        first = parts[0]
        for number, (seed, part) in enumerate(zip(seeds, parts, strict=True)):
            if not part["id"].equals(first["id"]):
                place = pd.Index(part["id"]).get_indexer(pd.Index(first["id"])) if len(part) == len(first) else [-1]
                if min(place) < 0:
                    raise UserError(
                        f"{where}: training seeds {seeds[0]} and {seed} have predictions on different faces "
                        f"({len(first)} and {len(part)}); every seed must score the same faces"
                    )
                parts[number] = part = part.take(place).reset_index(drop=True)
            differ = (part["label"] != first["label"]).to_numpy()
            if differ.any():
                raise UserError(
                    f"{where}: {first['id'][differ].iloc[0]} is real in one training seed and fake in another"
                )
        columns = [name for name in first if name not in ("seed", "score", "logit")]
        return cls(
            first[columns],
            seeds,
            np.stack([part["score"].to_numpy(np.float64) for part in parts]),
            np.stack([part["logit"].to_numpy(np.float64) for part in parts]) if "logit" in first else None,
        )

    @classmethod
    def joined(cls, parts: Iterable["Scored"]) -> "Scored":
        """Concatenate faces; a face that is in several parts, by its id, counts once.

        Raises:
            UserError: the parts have different training seeds.
        """
        parts = list(parts)
        for part in parts[1:]:
            if part.seeds != parts[0].seeds:
                raise UserError(
                    f"evaluation sets have predictions of training seeds {listed_seeds(parts[0].seeds)} and "
                    f"{listed_seeds(part.seeds)}; run `dvc repro`"
                )
        faces = pd.concat([part.faces for part in parts], ignore_index=True)
        logits = [part.logits for part in parts if part.logits is not None]
        found = cls(
            faces,
            parts[0].seeds,
            np.concatenate([part.scores for part in parts], 1),
            np.concatenate(logits, 1) if len(logits) == len(parts) else None,
        )
        twice = faces["id"].duplicated().to_numpy()
        return found.take(~twice) if twice.any() else found

    def __len__(self) -> int:
        return len(self.faces)

    def take(self, rows: npt.NDArray[Any]) -> "Scored":
        """The faces at these positions, or where this mask is true."""
        faces = self.faces[rows] if rows.dtype == bool else self.faces.take(rows)
        logits = None if self.logits is None else self.logits[:, rows]
        return Scored(faces.reset_index(drop=True), self.seeds, self.scores[:, rows], logits)

    def named(self, names: Mapping[str, str]) -> "Scored":
        """The same faces, with a name in place of empty text in some columns."""
        return replace(self, faces=self.faces.replace({column: {"": name} for column, name in names.items()}))

    def first_seed(self) -> "Scored":
        """The predictions of the first training seed alone, whose network the artifact holds."""
        return Scored(self.faces, self.seeds[:1], self.scores[:1], None if self.logits is None else self.logits[:1])

    @cached_property
    def labels(self) -> npt.NDArray[np.int64]:
        """[n], 0 real and 1 fake."""
        return self.faces["label"].to_numpy(np.int64)

    @cached_property
    def people(self) -> npt.NDArray[np.int64]:
        """[n], the person of each face, numbered from 0."""
        return pd.factorize(self.faces["identity"])[0].astype(np.int64)

    @property
    def values(self) -> Floats:
        """[seeds, n], the values for ranking: logits if available, since scores may saturate; otherwise scores."""
        return self.scores if self.logits is None else self.logits

    @cached_property
    def raw(self) -> Floats | None:
        """[seeds, n], the scores before temperature scaling; None without logits."""
        return None if self.logits is None else np.asarray(expit(self.logits))


@dataclass(frozen=True)
class Frozen:
    """What was frozen on validation faces, for one training seed.

    Attributes:
        threshold: on the score.
        unsure: lowest and highest score of the unsure band.
        at_fpr: thresholds on the score at other FPRs, by the names of `thresholds.FPRS`.
        validation_reals: number of validation reals that `at_fpr` comes from; None if unknown.
    """

    threshold: float
    unsure: tuple[float, float] = (0.5, 0.5)
    at_fpr: Mapping[str, float] | None = None
    validation_reals: int | None = None

    @classmethod
    def of(cls, calibration: Mapping[str, Any]) -> "Frozen":
        """From a `calibration` of `detector.json` or `ensemble.json`."""
        low, high = calibration["unsure"]
        reals = calibration.get("validation", {}).get("reals")
        return cls(calibration["threshold"], (low, high), calibration.get("at_fpr"), reals and int(reals))


def trainings_of(card: Mapping[str, Any]) -> dict[int, Frozen]:
    """What each training of a detector froze, by training seed.

    Args:
        card: `detector.json` or `ensemble.json`. Without `trainings` it has one training.
    """
    alone = card.get("training_seed", card.get("seed", NO_SEED))
    found = card.get("trainings") or {str(alone): card["calibration"]}
    return {int(seed): Frozen.of(one) for seed, one in sorted(found.items(), key=lambda item: int(item[0]))}


def frozen_of(trainings: Mapping[int, Frozen], seeds: Sequence[int], where: str = "predictions") -> list[Frozen]:
    """What was frozen for each of `seeds`; `where` names the predictions in messages.

    Raises:
        UserError: predictions and trainings have different seeds.
    """
    if list(seeds) != sorted(trainings):
        raise UserError(
            f"{where}: training seeds {listed_seeds(seeds)}, but the detector was trained from "
            f"{listed_seeds(trainings)}; run `dvc repro`"
        )
    return [trainings[seed] for seed in seeds]
