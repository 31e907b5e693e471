"""Selects evaluation faces: their people, and images like theirs, must not be in the training data."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unseen.core.csv_text import CsvLines
from unseen.core.errors import UserError
from unseen.core.files import atomic_folder
from unseen.core.json_files import write_json
from unseen.data.shards import INDEX_SCHEMA, FaceSet, measurable, open_set
from unseen.data.splits import Split
from unseen.evaluation.duplicates import HashIndex, Words, hash_words

HASHES = (("same_picture", "picture_dhash"), ("same_crop", "dhash"))

REASONS = ("same_file", *dict(HASHES), "same_original")
"""Why a face is left out. `same_original`: it is made of a face that is left out for one of the other reasons."""

BATCH = 2**13
"""Faces that are compared at a time. Each search sorts the hashes of all training faces."""

READ = 2**11
"""Rows of an index that are read at a time."""

COMPARED = ["id", "sha256", *(column for _, column in HASHES)]


def _original(attributes: Iterable[tuple[str, str]]) -> str:
    """The id of the face that a face is a twin of or was made of by diffusion; empty if it is neither."""
    known = dict(attributes)
    return known.get("twin_of") or known.get("made_of") or ""


def _digests(sha256: Sequence[str]) -> pa.Array:
    """SHA-256 of 64 hex digits as an array of 32 bytes each."""
    digits = pa.py_buffer(bytes.fromhex("".join(sha256)))
    return pa.Array.from_buffers(pa.binary(32), len(sha256), [None, digits])


def _common(names: Iterable[str], known: pa.Array) -> list[str]:
    """Those of some names that are in an array, sorted."""
    asked = pa.array(sorted(set(names)), pa.string())
    found: list[str] = asked.filter(pc.is_in(asked, value_set=known)).to_pylist()
    return found


@dataclass(frozen=True)
class Match:
    """An evaluation face `id` that matches the training face `of`, the reason, and the distance of hashes in bits."""

    id: str
    of: str
    why: str
    bits: int


class TrainingFaces:
    """All faces that were used for training or validation of a GAN or a detector.

    Of each it keeps ids, hashes and people in arrays, about 150 bytes; as Python text they took 1.5 kB.
    """

    def __init__(self, sets: Iterable[FaceSet]) -> None:
        """Index the training and validation faces of `sets`, whose role must be `train`."""
        self._sets = list(sets)
        ids, people = ([pa.array([], pa.string())] for _ in range(2))
        sha256 = [_digests([])]
        words: dict[str, list[Words]] = {column: [] for _, column in HASHES}
        for face_set in self._sets:
            for batch in face_set.index_batches(["train", "val"], [*COMPARED, "identity"], READ):
                ids.append(batch["id"])
                people.append(pc.unique(batch["identity"]))
                sha256.append(_digests(batch["sha256"].to_pylist()))
                for column, found in words.items():
                    found.append(hash_words(batch[column].to_pylist()))
        self._ids, self._sha256 = pa.concat_arrays(ids), pa.concat_arrays(sha256)
        self._people = pc.unique(pa.concat_arrays(people))
        self._indexes = {
            column: HashIndex(np.concatenate([*found, hash_words([])])) for column, found in words.items()
        }

    def twins(self, attributes: Iterable[list[tuple[str, str]]]) -> list[str]:
        """The ids of training faces that have twins among the faces with these attributes."""
        return _common(filter(None, map(_original, attributes)), self._ids)

    def people(self, identities: Iterable[str]) -> list[str]:
        """Those of some identities that have training faces."""
        return _common(identities, self._people)

    def matches_of_originals(
        self, ids: Sequence[str], attributes: Iterable[list[tuple[str, str]]]
    ) -> dict[str, Match]:
        """Find the twins whose originals match training faces; returns matches by the id of the twin.

        Args:
            ids: of faces.
            attributes: of the same faces.
        """
        made_of = ((name, _original(pairs)) for name, pairs in zip(ids, attributes, strict=True))
        return {
            name: Match(name, self._copies[original].of, "same_original", self._copies[original].bits)
            for name, original in made_of
            if original and original in self._copies
        }

    @cached_property
    def _copies(self) -> dict[str, Match]:
        """The test faces of the training sets that match training faces. They are few."""
        found: dict[str, Match] = {}
        for face_set in self._sets:
            for batch in face_set.index_batches(["test"], COMPARED, BATCH):
                found |= self.matches(batch.to_pydict())
        return found

    def matches(self, rows: dict[str, list[str]]) -> dict[str, Match]:
        """Find the faces that are also training faces; returns matches by id.

        Args:
            rows: columns id, sha256, dhash and picture_dhash.
        """
        found = {}
        for why, column in reversed(HASHES):
            nearest, bits = self._indexes[column].nearest(hash_words(rows[column]))
            for i in (nearest >= 0).nonzero()[0]:
                found[rows["id"][i]] = Match(rows["id"][i], self._ids[nearest[i]].as_py(), why, int(bits[i]))
        same = pc.index_in(_digests(rows["sha256"]), value_set=self._sha256).to_pylist()  # the first of equal ones
        for name, place in zip(rows["id"], same, strict=True):
            if place is not None:
                found[name] = Match(name, self._ids[place].as_py(), "same_file", 0)
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
    _check_origins(face_set, splits, trained)
    matches: dict[str, Match] = {}
    for batch in face_set.index_batches(splits, [*COMPARED, "attributes"], BATCH):
        rows = batch.to_pydict()
        of_originals = trained.matches_of_originals(rows["id"], rows["attributes"])
        found = of_originals | trained.matches({column: rows[column] for column in COMPARED})
        matches |= {name: found[name] for name in rows["id"] if name in found}
    kept = 0
    with atomic_folder(target) as part, pq.ParquetWriter(part / "index.parquet", INDEX_SCHEMA) as index:
        for number, table in enumerate(face_set.tables(splits)):
            chosen = table.filter(pa.array([name not in matches for name in table["id"].to_pylist()]))
            pq.write_table(chosen, part / f"part-{number:05d}.parquet", compression="none")
            index.write_table(chosen.select(INDEX_SCHEMA.names))
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


def _check_origins(face_set: FaceSet, splits: Sequence[Split], trained: TrainingFaces) -> None:
    """Check that no face of some splits is made of a training face or shows its person.

    Raises:
        UserError: one is or does.
    """
    everything = len(splits) > 1
    originals, people = set[str](), set[str]()
    for batch in face_set.index_batches(splits, ["identity", "attributes"], READ):
        originals.update(trained.twins(batch["attributes"].to_pylist()))
        people.update(trained.people(batch["identity"].to_pylist()))
    if originals:
        raise UserError(
            f"{face_set.folder}: `{face_set.name}` is made of {len(originals)} training faces, for instance "
            f"{min(originals)}; what is made of a face must be evaluated in the split of its original: set "
            "`split: test` here"
            + ("" if everything else f", and make the set again (`dvc repro --force STAGE@{face_set.name}`)")
        )
    if people:
        raise UserError(
            f"{face_set.folder}: `{face_set.name}` has faces of {len(people)} people or pictures that trained, for "
            f"instance {min(people)}; what is made of a face, or shows its person, has its split: "
            + ("set `split: test` here" if everything else "make the set again (`dvc repro --force`)")
        )
