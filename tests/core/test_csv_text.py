"""CSV in the forms that people bring: delimiters, encodings, line ends."""

import codecs
import csv
from pathlib import Path

import pandas as pd
import pytest

from unseen.core.csv_text import CsvLines, csv_columns, decoded, rows_named
from unseen.core.errors import UserError

TEXT = "id,label\nanné,1\n"
COLUMNS = {"id": ["anné"], "label": ["1"]}


def read(data: bytes) -> dict[str, list[str]]:
    return csv_columns("mine.csv", decoded("mine.csv", data))[0]


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
    ],
)
def test_unicode_of_every_kind(data: bytes) -> None:
    assert read(data) == COLUMNS


def test_another_encoding_is_refused_or_read_as_what_the_caller_names() -> None:
    data = TEXT.encode("latin-1")
    with pytest.raises(UserError) as caught:
        decoded("mine.csv", data)
    assert str(caught.value) == "mine.csv: byte 0xe9 in line 2 is not UTF-8; save it as CSV in UTF-8"
    assert decoded("mine.csv", data, "latin-1") == TEXT
    with pytest.raises(UserError, match="not a text file"):
        decoded("mine.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR".replace(b"\x89", b""))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter: str) -> None:
    text = TEXT.replace(",", delimiter)
    assert csv_columns("x", text) == (COLUMNS, delimiter)
    assert csv_columns("x", f"sep={delimiter}\n{text}") == (COLUMNS, delimiter)


def test_a_delimiter_within_a_quoted_name_counts_for_nothing() -> None:
    assert csv_columns("x", 'id,"a;b;c;d"\n1,2\n') == ({"id": ["1"], "a;b;c;d": ["2"]}, ",")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_blank_lines_and_spaces(end: str) -> None:
    text = end.join([" id , label", "", 'a, "1, 2"', "", "b,"])
    assert csv_columns("x", text)[0] == {"id": ["a", "b"], "label": ["1, 2", ""]}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["a\rb", '"a\rb"'])
def test_a_carriage_return_in_a_name(end: str, name: str) -> None:
    """Python 3.11 and pandas write it without quotes."""
    assert csv_columns("x", f"id,label{end}{name},1{end}c,0{end}")[0] == {"id": ["a\rb", "c"], "label": ["1", "0"]}


def test_rows_that_do_not_fit() -> None:
    text = "id,label\na,x,0\nb,1,,\nc\n"
    with pytest.raises(UserError, match=r"^x: more fields than the header in row 1$"):
        csv_columns("x", text)
    assert csv_columns("x", text, strict=False)[0] == {"id": ["a", "b", "c"], "label": ["x", "1", ""]}
    with pytest.raises(UserError, match=r"^x: has more than one column `id`$"):
        csv_columns("x", "id,b,id\n1,2,3\n")
    assert csv_columns("x", "id,b,id\n1,2,3\n", strict=False)[0] == {"b": ["2"]}
    with pytest.raises(UserError, match=r"near line .*: not valid CSV: unexpected end of data"):
        csv_columns("x", 'id,label\n"a,0\nb,1\n')
    with pytest.raises(UserError, match=r"^x: empty$"):
        csv_columns("x", " \n\n")


def test_columns_without_a_name_are_dropped_and_names_may_be_given() -> None:
    assert csv_columns("x", ",id\n0,a\n")[0] == {"id": ["a"]}
    assert csv_columns("x", "a,1\nb,2\n", ["id", "label"])[0] == {"id": ["a", "b"], "label": ["1", "2"]}


def test_rows_named() -> None:
    assert rows_named([3]) == "row 3"
    assert rows_named(range(1, 9)) == "rows 1, 2, 3, 4, 5 and 3 more"


def test_a_csv_file_quotes_a_carriage_return_in_a_name(tmp_path: Path) -> None:
    rows = [["a\rb", "1"], ["c\r", "2"], ["d", "e\r\nf"]]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(CsvLines(handle)).writerows(rows)
    assert (tmp_path / "a.csv").read_bytes() == b'"a\rb",1\n"c\r",2\nd,"e\r\nf"\n'
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as handle:
        assert list(csv.reader(handle)) == rows
    frame = pd.DataFrame(rows, columns=["x", "y"])
    with (tmp_path / "b.csv").open("w", newline="", encoding="utf-8") as handle:
        frame.to_csv(CsvLines(handle), index=False, header=False, lineterminator="\r\n")
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()
