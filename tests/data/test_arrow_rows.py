"""Rows as an Arrow table, against pyarrow's own conversion."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from unseen.data.arrow_rows import table_of
from unseen.data.face_rows import SCHEMA, FaceRow, side_of

ROOT = Path(__file__).resolve().parents[2]


def row(number: int, **changed: Any) -> FaceRow:
    """A made-up face; no two columns of it are equal."""
    values: dict[str, Any] = {
        "jpeg": bytes(range(number % 256)) * 40,
        "path": f"s{number}/ä, {number}.jpg",
        "label": number % 2,
        "generator": "gan" if number % 2 else "",
        "source": "orl",
        "identity": f"orl/s{number}",
        "split": "train",
        "sha256": f"{number:064x}",
        "dhash": "0" * 64,
        "picture_dhash": "f" * 64,
        "width": 92 + number,
        "height": 112 * number,
        "box": (0.1, -2.5, 30.25, 1 / 3),
        "landmarks": tuple(value / 7 for value in range(10)),
        "detection_score": 0.9 - number / 1000,
        "attributes": {"race": "ß", "age": str(number)} if number % 3 else {},
        "original": {"format": "PNG", "bytes": str(number)},
    }
    return FaceRow(**(values | changed))


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_the_table_has_the_bytes_of_pyarrows_conversion(count: int) -> None:
    rows = [row(number) for number in range(count)]
    files = []
    for table in (table_of(rows), pa.Table.from_pylist([one.as_record() for one in rows], schema=SCHEMA)):
        table.validate(full=True)
        pq.write_table(table, file := io.BytesIO(), compression="none")
        files.append(file.getvalue())
    assert files[0] == files[1]


def test_a_row_without_all_landmarks_is_an_error() -> None:
    with pytest.raises(ValueError, match="10 values"):
        table_of([row(1), row(2, landmarks=(1.0, 2.0)), row(3, landmarks=(0.5,) * 18)])


def test_pandas_is_not_imported() -> None:
    code = (
        "import io, sys, test_arrow_rows as t; from unseen.data.arrow_rows import table_of; "
        "table = table_of([t.row(3)]); t.pq.write_table(table, io.BytesIO()); sys.exit('pandas' in sys.modules)"
    )
    path = f"import sys; sys.path[:0] = {[str(ROOT / 'src'), str(Path(__file__).parent)]!r}; "
    assert subprocess.run([sys.executable, "-c", path + code], check=False).returncode == 0


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0, "comment": b"a" * 99}], ids=str)
def test_the_side_of_a_jpeg_is_that_by_pillow(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    Image.effect_noise((24, 24), 40).convert("RGB").save(file := io.BytesIO(), "JPEG", **options)
    Image.new("L", (24, 16)).save(wide := io.BytesIO(), "JPEG")
    assert side_of(file.getvalue()) == 24
    assert side_of(wide.getvalue()) is None
    if not options:  # what the preprocessing writes is read without Pillow
        monkeypatch.setattr(Image, "open", None)
        assert side_of(file.getvalue()) == 24


def test_a_picture_of_another_format_has_a_side_and_rubbish_has_none() -> None:
    Image.new("L", (24, 24)).save(png := io.BytesIO(), "PNG")
    Image.new("L", (24, 24)).save(jpeg := io.BytesIO(), "JPEG")
    assert side_of(png.getvalue()) == 24
    for end in range(30):
        assert side_of(jpeg.getvalue()[:end]) is None
    assert side_of(b"\xff\xd8" + b"\xff" * 50) is None
