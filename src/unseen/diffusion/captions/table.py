"""The table of captions: one Parquet file with a row for each face, in the order of the sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unseen.core.errors import UserError
from unseen.core.files import atomic_file
from unseen.core.settings import Role
from unseen.data.face_rows import ZERO_SHOT

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("sha256", pa.string()),
        ("caption", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("model", pa.string()),
        ("revision", pa.string()),
        ("attribute_model", pa.string()),
        ("attribute_revision", pa.string()),
    ]
)

USE = b"use"
"""Key of the file's metadata that has the table's role."""


@dataclass(frozen=True)
class Captions:
    """A table that was read.

    Attributes:
        use: `held_out` if a face of it is held out: then only held-out fakes may use it.
        values: for each face, by id, what a prompt can name: `caption`, the attributes of its set, and the guessed
            ones under their full names. A guess also has its plain name, `gender` for `zero_shot_gender`, if the set
            does not say it.
    """

    use: Role
    values: dict[str, dict[str, str]]


def write_captions(path: Path, rows: Sequence[dict[str, Any]], use: Role) -> None:
    """Write the table atomically, from rows with `attributes` as a dict. Equal rows give equal bytes."""
    records = [{**row, "attributes": sorted(row["attributes"].items())} for row in rows]
    table = pa.Table.from_pylist(records, schema=SCHEMA.with_metadata({USE: use.encode()}))
    with atomic_file(path) as part:
        pq.write_table(table, part)


def _named(attributes: dict[str, str]) -> dict[str, str]:
    plain = {name.removeprefix(ZERO_SHOT): value for name, value in attributes.items()}
    return {**plain, **attributes}  # a set's own value replaces a guess of the same name


def read_captions(path: Path, use: Role) -> Captions:
    """Read a table for prompts.

    Args:
        path: the table of the stage `captions`.
        use: role of the fakes that are made with it.

    Raises:
        UserError: there is no table, it is damaged, or it is held out and the fakes would train.
    """
    try:
        table = pq.read_table(path)
        role = (table.schema.metadata or {})[USE].decode() if table.num_rows else "train"
        rows = table.select(["id", "caption", "attributes"]).to_pylist()
    except FileNotFoundError:
        raise UserError(f"{path}: no captions; run `dvc repro`") from None
    except (pa.ArrowException, OSError, KeyError) as error:
        raise UserError(f"{path}: not a table of captions ({error}); run `dvc repro`") from None
    if role == "held_out" and use == "train":
        raise UserError(
            f"{path}: captions of held-out faces, but fakes made with them would train; set `use: held_out`, or make "
            "captions of training faces"
        )
    values = {row["id"]: {**_named(dict(row["attributes"])), "caption": row["caption"]} for row in rows}
    return Captions("held_out" if role == "held_out" else "train", values)
