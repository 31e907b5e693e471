"""Inputs of every kind: which pictures they hold, in which chunks, and what each picture's bytes are."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unseen.core.errors import UserError
from unseen.serve.bulk.batches import Read
from unseen.serve.bulk.readers import Chunk, Options, open_input
from unseen.serve.prediction import NotScored


def chunks_of(url: str | Path, **options: Any) -> list[Chunk]:
    """All chunks of an input."""
    return list(open_input(str(url), Options(**options)).chunks())


def pictures_of(url: str | Path, **options: Any) -> list[Read]:
    """Id and bytes of every picture of an input."""
    return [one for chunk in chunks_of(url, **options) for batch in chunk.batches for one in batch.read()]


@pytest.fixture
def memory() -> Iterator[Any]:
    """An empty store in memory."""
    store = fsspec.filesystem("memory")
    yield store
    store.store.clear()
    store.pseudo_dirs[:] = [""]


def write(folder: Path, *names: str) -> None:
    """Files whose bytes are their names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_a_folder_in_a_fixed_order_without_what_is_no_picture(tmp_path: Path) -> None:
    write(tmp_path, "b.JPG", "a/2.png", "a/1.jpg", "c.txt", ".hidden/x.jpg", "Thumbs.db", "a/._1.jpg", "z.webp")
    (tmp_path / "link").symlink_to(tmp_path / "a", target_is_directory=True)
    names = ["a/1.jpg", "a/2.png", "b.JPG", "z.webp"]
    assert pictures_of(tmp_path) == [(name, name.encode()) for name in names]
    found = open_input(str(tmp_path), Options(chunk=3, batch=2))
    first, second = found.chunks()
    assert [len(batch) for batch in first.batches] == [2, 1]
    assert (first.number, len(first), second.number, len(second)) == (0, 3, 1, 1)
    assert found.skipped == 2, "a text, and the link"
    assert [one.ids() for one in first.batches[0].singles()] == [["a/1.jpg"], ["a/2.png"]]


def test_the_fingerprint_is_of_the_names(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "b.jpg")
    (before,) = chunks_of(tmp_path)
    assert chunks_of(tmp_path) == [before]
    (tmp_path / "b.jpg").rename(tmp_path / "c.jpg")
    assert chunks_of(tmp_path)[0].fingerprint != before.fingerprint


def test_a_folder_and_tables_of_paths_on_a_store(memory: Any) -> None:
    for name in ("a.jpg", "b/c.png", "readme.md"):
        memory.pipe_file(f"/lake/{name}", name.encode())
    assert pictures_of("memory://lake") == [("a.jpg", b"a.jpg"), ("b/c.png", b"b/c.png")]
    memory.pipe_file("/lake/table.csv", b"\xef\xbb\xbfwho,path\nx,b/c.png\ny,memory://lake/a.jpg\nz,none.jpg\n")
    read = pictures_of("memory://lake/table.csv")
    assert [data for _, data in read] == [b"b/c.png", b"a.jpg", NotScored("not_found", "no such file")]
    memory.pipe_file("/paths.txt", b"lake/a.jpg\r\n\nlake/b/c.png\n")
    assert [name for name, _ in pictures_of("memory://paths.txt")] == ["lake/a.jpg", "lake/b/c.png"]


def test_files_of_this_machine_have_the_reasons_of_predict(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    text = io.StringIO()
    csv.writer(text).writerows([["file"], ["gone.jpg"], ["folder"], [""]])
    (tmp_path / "table.csv").write_text(text.getvalue())
    read = pictures_of(tmp_path / "table.csv")
    assert [one.reason for _, one in read if isinstance(one, NotScored)] == ["not_found"] * len(read)


def test_the_column_of_a_table(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg")
    (tmp_path / "t.tsv").write_text("where\tn\na.jpg\t1\n")
    assert pictures_of(tmp_path / "t.tsv", column="where") == [("a.jpg", b"a.jpg")]
    with pytest.raises(UserError, match="no column is named path"):
        chunks_of(tmp_path / "t.tsv")
    with pytest.raises(UserError, match="no column `gone`; give --column, one of where, n"):
        chunks_of(tmp_path / "t.tsv", column="gone")
    pq.write_table(pa.table({"path": ["a.jpg"], "other": ["b"]}), tmp_path / "t.parquet")
    assert pictures_of(tmp_path / "t.parquet") == [("a.jpg", b"a.jpg")]


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def test_parquet_with_the_struct_of_hugging_face(tmp_path: Path) -> None:
    write(tmp_path, "outside.jpg")
    rows: list[Any] = [{"bytes": bytes([number]), "path": f"p{number}"} for number in range(5)]
    rows[3] = {"bytes": None, "path": "outside.jpg"}
    rows[4] = None
    table = pa.table({"label": list(range(5)), "image": pa.array(rows, IMAGE)})
    (tmp_path / "data").mkdir()
    pq.write_table(table, tmp_path / "data" / "0.parquet", row_group_size=2)
    pq.write_table(table.drop_columns("image"), tmp_path / "index.parquet")
    read = pictures_of(tmp_path, batch=2, chunk=3)
    assert [name for name, _ in read] == [f"data/0.parquet#{row}" for row in range(5)]
    assert [data for _, data in read] == [
        b"\0",
        b"\1",
        b"\2",
        b"outside.jpg",
        NotScored("empty", "no bytes in this row"),
    ]
    first, second = chunks_of(tmp_path, chunk=3)
    assert (len(first), len(second)) == (4, 1), "row groups are not split"
    named = pictures_of(tmp_path / "data" / "0.parquet", id="image.path")
    assert [name for name, _ in named] == ["p0", "p1", "p2", "outside.jpg", "None"]
    for wrong in ("image.name", "image.path.x", "label.x", "gone"):
        with pytest.raises(UserError, match=f"no column `{wrong}`; give another one with --id"):
            chunks_of(tmp_path / "data" / "0.parquet", id=wrong)
    (single,) = chunks_of(tmp_path, batch=2, id="label")[0].batches[1].singles()[1:]
    assert (single.ids(), [data for _, data in single.read()]) == (["3"], [b"outside.jpg"])


def test_parquet_with_plain_bytes_on_a_store(memory: Any) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"jpg": [b"x", b"y"]}), buffer)
    memory.pipe_file("/lake/a.parquet", buffer.getvalue())
    expected = [("a.parquet#0", b"x"), ("a.parquet#1", b"y")]
    assert pictures_of("memory://lake/a.parquet") == pictures_of("memory://lake") == expected


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("gone", "gone: not found"),
        ("empty", "no pictures and no .parquet files"),
        ("a.jpg", "unsupported input"),
        ("zz://a", "Protocol not known"),
        ("bad.parquet", "can't be read as Parquet"),
        ("labels.parquet", "no column is named path"),
    ],
)
def test_what_can_not_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "a.jpg", "bad.parquet")
    (tmp_path / "empty").mkdir()
    pq.write_table(pa.table({"label": [1]}), "labels.parquet")
    with pytest.raises(UserError, match=says):
        chunks_of(url)


def test_columns_whose_names_have_a_dot(tmp_path: Path) -> None:
    """As `flatten` of Hugging Face's datasets names them."""
    pq.write_table(pa.table({"image.bytes": [b"x", b"y"], "image.path": ["a", "b"]}), tmp_path / "a.parquet")
    assert pictures_of(tmp_path / "a.parquet") == [("a.parquet#0", b"x"), ("a.parquet#1", b"y")]
    assert pictures_of(tmp_path / "a.parquet", id="image.path") == [("a", b"x"), ("b", b"y")]
