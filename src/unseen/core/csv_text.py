"""CSV as people bring it: any common delimiter, UTF-8 or UTF-16, with or without a byte order mark."""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence

from unseen.core.errors import UserError

DELIMITERS = ",;\t|"
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
NAMED = 5
"""Rows that a message names; of more it says how many there are."""


def rows_named(numbers: Sequence[int]) -> str:
    """`row 3`, or `rows 3, 8 and 12 more`: counted from 1, the heading not counted."""
    more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
    return f"row{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:NAMED]))}{more}"


def decoded(where: str, data: bytes, fallback: str = "") -> str:
    """The text of a file: by its byte order mark, else UTF-8, else UTF-16 where every other byte is zero.

    Args:
        where: what a message calls the file.
        data: its bytes.
        fallback: the encoding of what is none of these; empty: it is refused.

    Raises:
        UserError: it is no text, or of another encoding.
    """
    marked = next(((mark, encoding) for mark, encoding in MARKS if data.startswith(mark)), None)
    if marked:
        data, encoding = data[len(marked[0]) :], marked[1]
    else:
        even, odd = data[:1000:2].count(0), data[1:1000:2].count(0)
        encoding = "utf-8" if even and odd else "utf-16-le" if odd else "utf-16-be" if even else "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if fallback and encoding == "utf-8":
            return data.decode(fallback)
        line = data[: error.start].count(b"\n") + 1
        found = f"byte {data[error.start]:#04x} in line {line} is not {encoding.upper()}"
        raise UserError(f"{where}: {found}; save it as CSV in UTF-8") from None
    if "\0" in text:
        raise UserError(f"{where}: not a text file; CSV or Parquet is needed")
    return text


def _lines(text: str) -> tuple[list[str], str]:
    """The text's lines, and what stands in them for a carriage return that ends no line: `csv` would end a row at it,
    and Python 3.11 and pandas write it into a file's name without quotes."""
    if "\n" not in text:
        return text.replace("\r", "\n").splitlines(keepends=True), ""
    stand_in = next(mark for mark in map(chr, range(0xE000, 0xF900)) if mark not in text)  # private use
    return [line + "\n" for line in re.sub("\r(?!\n)", stand_in, text).split("\n")], stand_in


def _delimiter(heading: str) -> str:
    """What splits the heading into most names; a comma where nothing does."""
    return max(DELIMITERS, key=re.sub('"[^"]*"', "", heading).count)


def csv_columns(
    where: str, text: str, header: Sequence[str] = (), strict: bool = True
) -> tuple[dict[str, list[str]], str]:
    """The columns of a CSV text, by name, and its delimiter.

    Spaces around names are dropped, and so are columns without a name; a row that is too short is filled with empty
    fields.

    Args:
        where: what a message calls it.
        text: from `decoded`.
        header: the names, where the text does not start with them.
        strict: refuse rows that have too many fields, quotes that do not match, and names that are there twice;
            otherwise such columns are dropped.

    Raises:
        UserError: it holds nothing, names a column twice, or is not valid CSV.
    """
    lines, stand_in = _lines(text)
    start = next((number for number, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise UserError(f"{where}: empty")
    told = re.fullmatch(r"sep=(.)\s*", lines[start], re.IGNORECASE)  # Excel's own first line
    delimiter = told.group(1) if told else _delimiter(lines[start])
    found = _fields(where, lines[start + bool(told) :], delimiter, strict, stand_in)
    names = [name.strip() for name in header or next(found, [])]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice and strict:
        raise UserError(f"{where}: has more than one column `{twice[0]}`")
    rows, long = [], []
    for number, row in enumerate(found, 1):
        if any(row[len(names) :]):
            long.append(number)
        rows.append([*row, *[""] * (len(names) - len(row))])
    if long and strict:
        raise UserError(f"{where}: more fields than the heading has in {rows_named(long)}")
    return {name: [row[i] for row in rows] for i, name in enumerate(names) if name and name not in twice}, delimiter


def _fields(where: str, lines: list[str], delimiter: str, strict: bool, stand_in: str) -> Iterator[list[str]]:
    """The fields of each row that is not blank."""
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=strict)
    try:
        for row in reader:
            if row:
                yield [field.replace(stand_in, "\r") for field in row] if stand_in else row
    except csv.Error as error:
        raise UserError(f"{where}, near line {reader.line_num + 1}: not readable as CSV: {error}") from None
