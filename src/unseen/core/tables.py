"""Tables that people bring, as CSV or Parquet: the one reader of all commands.

A value is what its text says, whatever type a file gave it: 7, 7.0, "7" and a category 7 are one, in every format.
`007` is text that differs from `7`. An index that pandas stored means nothing, except that one with a name is a
column like others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unseen.core.csv_text import csv_columns, decoded
from unseen.core.errors import UserError

PARQUET = b"PAR1"
PACKED = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"\x1f\x8b": "packed with gzip",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
}
MISSING = ["nan", "NaN", "None", "<NA>", "NaT"]
"""What Python and pandas make of a missing value when they turn a column into text."""

WHOLE = r"^(-?(?:0|[1-9][0-9]*))[{marks}]0+$"
"""A whole number written with a point: what pandas makes of whole numbers in a column with gaps."""


def canonical(values: pa.Array, marks: str = ".") -> pa.Array:
    """Values of any plain type as text: composed (NFC), without spaces around, whole numbers without a point (or what
    else of `marks` a file has for it); empty where there is no value."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_boolean(values.type):
        values = pc.if_else(values, "True", "False")
    elif pa.types.is_floating(values.type):  # as Python, NumPy and pandas write them, of float32 the shortest form
        values = pa.array(values.to_numpy(zero_copy_only=False).astype(str), pa.string())
    text = pc.fill_null(values.cast(pa.string()), "")
    text = pc.utf8_normalize(pc.utf8_trim(text, " \t"), "NFC")
    text = pc.replace_substring_regex(text, WHOLE.format(marks=marks), r"\1")
    return pc.if_else(pc.is_in(text, pa.array(MISSING)), "", text)


def canonical_text(value: str) -> str:
    """The same of one text."""
    return str(canonical(pa.array([value], pa.string()))[0])


@dataclass(frozen=True)
class Table:
    """Columns of one length.

    Attributes:
        where: what messages call it.
        columns: by name.
        names: of all columns, also of those that were not read.
        delimiter: of a CSV file; empty of Parquet.
    """

    where: str
    columns: dict[str, pa.Array]
    names: list[str]
    delimiter: str = ""

    def __len__(self) -> int:
        """How many rows it has."""
        return len(next(iter(self.columns.values()), []))

    @property
    def _decimal_comma(self) -> bool:
        return self.delimiter not in ("", ",")

    def find(self, name: str) -> str | None:
        """The column of that name, or else the only one that differs from it in case alone.

        Raises:
            UserError: there are several.
        """
        if name in self.names:
            return name
        alike = [one for one in self.names if one.casefold() == name.casefold()]
        if len(alike) > 1:
            raise UserError(f"{self.where}: which of the columns {', '.join(alike)} is `{name}`? Rename one")
        return alike[0] if alike else None

    def text(self, name: str) -> list[str]:
        """A column as text, by the rule of `canonical`.

        Raises:
            UserError: it holds neither text nor numbers.
        """
        column = self.columns[name]
        plain = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_nested(plain) or pa.types.is_binary(plain) or pa.types.is_large_binary(plain):
            raise UserError(f"{self.where}: `{name}` is of type {plain}; write it as text or numbers")
        try:
            found: list[str] = canonical(column, ".," if self._decimal_comma else ".").to_pylist()
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise UserError(f"{self.where}: `{name}` can't be read as text: {error}") from None
        return found

    def numbers(self, name: str) -> npt.NDArray[np.float64]:
        """A column as numbers, NaN where it has none. In a CSV whose delimiter is no comma, `0,5` is 0.5."""
        column = self.columns[name]
        if pa.types.is_float64(column.type) or pa.types.is_integer(column.type):
            return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
        return np.array([self._number(text) for text in self.text(name)], np.float64)

    def _number(self, text: str) -> float:
        if self._decimal_comma:
            text = text.replace(",", ".")
        try:
            return float("nan" if "_" in text else text)
        except ValueError:
            return float("nan")


def _of_csv(where: str, data: bytes, header: Sequence[str], strict: bool, fallback: str) -> Table:
    packed = next((says for start, says in PACKED.items() if data.startswith(start)), "")
    if packed:
        raise UserError(f"{where}: {packed}; CSV or Parquet is needed")
    columns, delimiter = csv_columns(where, decoded(where, data, fallback), header, strict)
    return Table(
        where, {name: pa.array(values, pa.string()) for name, values in columns.items()}, list(columns), delimiter
    )


def _of_parquet(where: str, file: "Path | pa.BufferReader", only: Callable[[str], bool]) -> Table:
    try:
        with pq.ParquetFile(file) as opened:
            names: list[str] = opened.schema_arrow.names
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise UserError(f"{where}: has more than one column `{twice[0]}`")
            table = opened.read(columns=[name for name in names if only(name)])
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: damaged Parquet file: {error}") from None
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    return Table(where, columns, names)


def read_table(path: Path, only: Callable[[str], bool] = lambda name: True) -> Table:
    """A file of a user's own: Parquet by its first bytes, otherwise CSV.

    Args:
        path: the file.
        only: which columns of a Parquet file to read, by their names.

    Raises:
        UserError: it can't be read.
    """
    try:
        with path.open("rb") as handle:
            start = handle.read(4)
            data = b"" if start == PARQUET else start + handle.read()
    except FileNotFoundError:
        raise UserError(f"{path}: not there") from None
    except IsADirectoryError:
        raise UserError(f"{path}: a folder; name its files, for instance {path}/*.parquet") from None
    except OSError as error:
        raise UserError(f"{path}: not readable: {error.strerror or error}") from None
    if start == PARQUET:
        return _of_parquet(str(path), path, only)
    if path.suffix.lower() in (".parquet", ".pq"):
        raise UserError(f"{path}: not a Parquet file, though its name says so")
    return _of_csv(str(path), data, (), True, "")


def table_of(where: str, data: bytes, header: Sequence[str] = ()) -> Table:
    """A table in an archive that others made: a CSV file is read leniently, and as Latin-1 where it is not Unicode.

    Args:
        where: what messages call it.
        data: its bytes.
        header: the names of a CSV file's columns, where its first line is a row.

    Raises:
        UserError: it can't be read.
    """
    if data.startswith(PARQUET):
        return _of_parquet(where, pa.BufferReader(data), lambda name: True)
    return _of_csv(where, data, header, False, "latin-1")
