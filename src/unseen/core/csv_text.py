"""Parse users' CSV files: any common delimiter, UTF-8 or UTF-16, with or without a byte order mark."""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from typing import TextIO

from unseen.core.errors import UserError

DELIMITERS = ",;\t|"
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: this mark starts with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
NAMED = 5
"""Row numbers that a message lists at most; it counts the others."""


def rows_named(numbers: Sequence[int]) -> str:
    """`row 3`, or `rows 3, 8 and 12 more`. Row 1 is the first after the header."""
    more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
    return f"row{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:NAMED]))}{more}"


def decoded(where: str, data: bytes, fallback: str = "") -> str:
    """Decode the text of a file.

    The encoding is that of the byte order mark; without one, UTF-16 if every other byte is zero, else UTF-8.

    Args:
        where: the file's name in messages.
        data: its bytes.
        fallback: the encoding to try if the file is not valid UTF-8; empty for none.

    Raises:
        UserError: the file is not text, or has another encoding.
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
        raise UserError(f"{where}: not a text file; give CSV or Parquet")
    return text


def _lines(text: str) -> tuple[list[str], str]:
    """Split a text into lines. Also returns the character that replaces carriage returns within a line.

    Python 3.11 and pandas write a carriage return in a file name without quotes, and `csv` would end the row there.
    """
    if "\n" not in text:
        return text.replace("\r", "\n").splitlines(keepends=True), ""
    stand_in = next(mark for mark in map(chr, range(0xE000, 0xF900)) if mark not in text)  # private use area
    return [line + "\n" for line in re.sub("\r(?!\n)", stand_in, text).split("\n")], stand_in


def _delimiter(heading: str) -> str:
    """The delimiter that splits the header into the most names; a comma if none occurs."""
    return max(DELIMITERS, key=re.sub('"[^"]*"', "", heading).count)


def csv_columns(
    where: str, text: str, header: Sequence[str] = (), strict: bool = True
) -> tuple[dict[str, list[str]], str]:
    """Parse CSV text into columns by name. Also returns the delimiter.

    Spaces around names and columns without a name are dropped. Rows that are too short are filled with empty fields.

    Args:
        where: the file's name in messages.
        text: from `decoded`.
        header: the column names, if the text has no header line.
        strict: raise an error for rows with too many fields, unbalanced quotes and duplicate names. If False, the
            extra fields and the columns with duplicate names are dropped.

    Raises:
        UserError: the text is empty, has duplicate column names, or is not valid CSV.
    """
    lines, stand_in = _lines(text)
    start = next((number for number, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise UserError(f"{where}: empty")
    declared = re.fullmatch(r"sep=(.)\s*", lines[start], re.IGNORECASE)  # Excel's first line
    delimiter = declared.group(1) if declared else _delimiter(lines[start])
    found = _fields(where, lines[start + bool(declared) :], delimiter, strict, stand_in)
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
        raise UserError(f"{where}: more fields than the header in {rows_named(long)}")
    return {name: [row[i] for row in rows] for i, name in enumerate(names) if name and name not in twice}, delimiter


def _fields(where: str, lines: list[str], delimiter: str, strict: bool, stand_in: str) -> Iterator[list[str]]:
    """The fields of each row that is not blank."""
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=strict)
    try:
        for row in reader:
            if row:
                yield [field.replace(stand_in, "\r") for field in row] if stand_in else row
    except csv.Error as error:
        raise UserError(f"{where}, near line {reader.line_num + 1}: not valid CSV: {error}") from None


class CsvLines:
    """A text file for `csv.writer` whose rows end in a line feed and that quotes carriage returns in names.

    With the option `lineterminator="\\n"`, Python 3.11 does not quote them.
    """

    def __init__(self, handle: TextIO) -> None:
        """`handle` must be opened with `newline=""`."""
        self._handle = handle

    def write(self, row: str) -> int:
        """Write one row, given with a carriage return and a line feed at its end."""
        return self._handle.write(row.removesuffix("\r\n") + "\n")
