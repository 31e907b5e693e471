"""Selects evaluation faces: their people, and images like theirs, must not be in the training data."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from unseen.core.errors import UserError
from unseen.core.files import CsvLines, atomic_folder, write_json
from unseen.data.face_rows import SCHEMA
from unseen.data.shards import INDEX_SCHEMA, ROWS_PER_SHARD, FaceSet, measurable, open_set
from unseen.data.splits import Split
from unseen.evaluation.duplicates import HashIndex, hash_words

HASHES = (("same_picture", "picture_dhash"), ("same_crop", "dhash"))

REASONS = ("same_file", *dict(HASHES), "same_original")
"""Why a face is left out. `same_original`: it is made of a face that is left out for one of the other reasons."""

COMPARED = ["id", "sha256", *(column for _, column in HASHES)]


def _original(attributes: Iterable[tuple[str, str]]) -> str:
    """The id of the face that a face is a twin of or was made of by diffusion; empty if it is neither."""
    known = dict(attributes)
    return known.get("twin_of") or known.get("made_of") or ""


@dataclass(frozen=True)
class Match:
    """An evaluation face `id` that matches the training face `of`, the reason, and the distance of hashes in bits."""

    id: str
    of: str
    why: str
    bits: int


class TrainingFaces:
    """All faces that were used for training or validation of a GAN or a detector."""

    def __init__(self, sets: Iterable[FaceSet]) -> None:
        """Index the training and validation faces of `sets`, whose role must be `train`."""
        self._sets = list(sets)
        columns = [*COMPARED, "identity"]
        found: dict[str, list[str]] = {column: [] for column in columns}
        for face_set in self._sets:
            for column, values in face_set.index(["train", "val"], columns).items():
                found[column] += values
        self._ids = found["id"]
        self._known = frozenset(self._ids)
        self._people = frozenset(found["identity"])
        self._by_sha256 = dict(zip(reversed(found["sha256"]), reversed(found["id"]), strict=True))
        self._indexes = {column: HashIndex(hash_words(found[column])) for _, column in HASHES}

    def twins(self, attributes: Iterable[list[tuple[str, str]]]) -> list[str]:
        """The ids of training faces that have twins among the faces with these attributes."""
        return sorted({original for original in map(_original, attributes) if original in self._known})

    def people(self, identities: Iterable[str]) -> list[str]:
        """Those of some identities that have training faces."""
        return sorted(self._people.intersection(identities))

    def matches_of_originals(
        self, ids: Sequence[str], attributes: Iterable[list[tuple[str, str]]]
    ) -> dict[str, Match]:
        """Find the twins whose originals match training faces; returns matches by the id of the twin.

        Args:
            ids: of faces.
            attributes: of the same faces.
        """
        made_of = {
            name: original for name, pairs in zip(ids, attributes, strict=True) if (original := _original(pairs))
        }
        originals = frozenset(made_of.values())
        found: dict[str, Match] = {}
        for face_set in self._sets if originals else ():
            rows = face_set.index(["test"], COMPARED)
            places = [place for place, name in enumerate(rows["id"]) if name in originals]
            if places:
                found |= self.matches({column: [values[i] for i in places] for column, values in rows.items()})
        return {
            name: Match(name, found[original].of, "same_original", found[original].bits)
            for name, original in made_of.items()
            if original in found
        }

    def matches(self, rows: dict[str, list[str]]) -> dict[str, Match]:
        """Find the faces that are also training faces; returns matches by id.

        Args:
            rows: columns id, sha256, dhash and picture_dhash.
        """
        found = {}
        for why, column in reversed(HASHES):
            nearest, bits = self._indexes[column].nearest(hash_words(rows[column]))
            for i in (nearest >= 0).nonzero()[0]:
                found[rows["id"][i]] = Match(rows["id"][i], self._ids[nearest[i]], why, int(bits[i]))
        for name, sha256 in zip(rows["id"], rows["sha256"], strict=True):
            if sha256 in self._by_sha256:
                found[name] = Match(name, self._by_sha256[sha256], "same_file", 0)
        return found


def select(folder: Path, split: Literal["test", "all"], trained: TrainingFaces, target: Path) -> dict[str, Any]:
    """Copy the faces that may be evaluated into a new set, byte for byte.

    Args:
        folder: folder of the stored set.
        split: `test`, or `all` for a held-out set.
        trained: training faces, which must not be in the selection.
        target: folder of the selection; `left_out.csv` in it lists the faces that were left out and the reasons.

    Returns:
        `kept`, the number of faces copied, and `left_out`, the number of others by reason.

    Raises:
        UserError: all splits of a training set are asked for, a face is the twin or shows the person of a training
            face, or no face is left.
    """
    face_set = open_set(folder)
    if split == "all" and face_set.use == "train":
        raise UserError(
            f"{folder}: `{face_set.name}` trains detectors, so only its test split may be evaluated; "
            "set `split: test` in this evaluation set"
        )
    splits: list[Split] = measurable(face_set) if split == "all" else ["test"]
    rows = face_set.index(splits, [*COMPARED, "identity", "attributes"])
    if originals := trained.twins(rows["attributes"]):
        raise UserError(
            f"{folder}: `{face_set.name}` is made of {len(originals)} training faces, for instance {originals[0]}; "
            "what is made of a face must be evaluated in the split of its original: set `split: test` here"
            + ("" if split == "all" else f", and make the set again (`dvc repro --force STAGE@{face_set.name}`)")
        )
    if people := trained.people(rows["identity"]):
        raise UserError(
            f"{folder}: `{face_set.name}` has faces of {len(people)} people or pictures that trained, for instance "
            f"{people[0]}; what is made of a face, or shows its person, has its split: "
            + ("set `split: test` here" if split == "all" else "make the set again (`dvc repro --force`)")
        )
    matches = trained.matches({column: rows[column] for column in COMPARED})
    matches = trained.matches_of_originals(rows["id"], rows["attributes"]) | matches
    kept = 0
    with atomic_folder(target) as part, pq.ParquetWriter(part / "index.parquet", INDEX_SCHEMA) as index:
        for number, batch in enumerate(face_set.batches(splits, SCHEMA.names, ROWS_PER_SHARD)):
            chosen = batch.filter(pa.array([name not in matches for name in batch["id"].to_pylist()]))
            table = pa.Table.from_batches([chosen])
            pq.write_table(table, part / f"part-{number:05d}.parquet", compression="none")
            index.write_table(table.select(INDEX_SCHEMA.names))
            kept += chosen.num_rows
        left_out = {why: [m for m in matches.values() if m.why == why] for why in REASONS}
        counts = {"kept": kept, "left_out": {why: len(found) for why, found in left_out.items()}}
        if not kept:
            why = f"; {len(matches)} of its faces are training faces" if matches else ""
            raise UserError(f"{folder}: no face in its {split} split{why}; give more pictures or raise `split.test`")
        with (part / "left_out.csv").open("w", newline="", encoding="utf-8") as handle:
            writer = csv.writer(CsvLines(handle))
            writer.writerow(["id", "of", "why", "bits"])
            writer.writerows([m.id, m.of, m.why, m.bits] for found in left_out.values() for m in found)
        card = {"name": face_set.name, "use": face_set.use, "label": face_set.label}
        card |= {**face_set.of_sides(), "counts": counts}
        write_json(part / "set.json", card)
    return counts
