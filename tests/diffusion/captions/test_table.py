"""The table: its columns, its role, and what a prompt can name."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import ROOT
from unseen.core.errors import UserError
from unseen.diffusion.captions.table import SCHEMA, read_captions, write_captions


def row(number: int, **attributes: str) -> dict[str, Any]:
    models = {"model": "m", "revision": "r", "attribute_model": "a", "attribute_revision": ""}
    return {"id": f"orl/{number}", "sha256": "0" * 64, "caption": "a man", "attributes": attributes, **models}


def test_a_guess_stands_in_for_what_the_set_does_not_say(tmp_path: Path) -> None:
    rows = [row(0, zero_shot_gender="man"), row(1, zero_shot_gender="man", gender="woman", age="30")]
    write_captions(tmp_path / "t.parquet", rows, "train")
    assert pq.read_table(tmp_path / "t.parquet").schema.names == SCHEMA.names
    assert read_captions(tmp_path / "t.parquet", "train").values == {
        "orl/0": {"caption": "a man", "gender": "man", "zero_shot_gender": "man"},
        "orl/1": {"caption": "a man", "gender": "woman", "zero_shot_gender": "man", "age": "30"},
    }


def test_held_out_captions_make_only_held_out_fakes(tmp_path: Path) -> None:
    write_captions(tmp_path / "t.parquet", [row(0)], "held_out")
    assert read_captions(tmp_path / "t.parquet", "held_out").use == "held_out"
    with pytest.raises(UserError, match="captions of held-out faces, but fakes made with them would train"):
        read_captions(tmp_path / "t.parquet", "train")


def test_a_run_without_captions_reads_an_empty_table() -> None:
    assert read_captions(ROOT / "data/captions/none.parquet", "train").values == {}


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no captions; run `dvc repro`"):
        read_captions(tmp_path / "t.parquet", "train")
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="not a table of captions"):
        read_captions(tmp_path / "t.parquet", "train")
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "t.parquet")
    with pytest.raises(UserError, match="not a table of captions"):
        read_captions(tmp_path / "t.parquet", "train")
