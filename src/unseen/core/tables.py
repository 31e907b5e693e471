"""Read users' tables, CSV or Parquet. All commands use this reader.

Values are compared as text, in every format and type: 7, 7.0, "7" and a category 7 are equal, and `007` differs from
`7`. The index of a pandas table is ignored, unless it has a name: then it is a column.
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
"""How Python and pandas write a missing value as text."""

WHOLE = r"^(-?(?:0|[1-9][0-9]*))[{marks}]0+$"
"""A whole number with decimals: pandas writes whole numbers so if the column has missing values."""


def canonical(values: pa.Array, marks: str = ".") -> pa.Array:
    """Values of any plain type as text: NFC, stripped, whole numbers without decimals; empty for missing values.

    Args:
        values: the values.
        marks: decimal marks of the file.
    """
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_boolean(values.type):
        values = pc.if_else(values, "True", "False")
    elif pa.types.is_floating(values.type):  # as Python, NumPy and pandas write them; the shortest form of float32
        values = pa.array(values.to_numpy(zero_copy_only=False).astype(str), pa.string())
    text = pc.fill_null(values.cast(pa.string()), "")
    text = pc.utf8_normalize(pc.utf8_trim(text, " \t"), "NFC")
    text = pc.replace_substring_regex(text, WHOLE.format(marks=marks), r"\1")
    return pc.if_else(pc.is_in(text, pa.array(MISSING)), "", text)


def canonical_text(value: str) -> str:
    """`canonical` for one text."""
    return str(canonical(pa.array([value], pa.string()))[0])


@dataclass(frozen=True)
class DataTable:
    """Columns of equal length.

    Attributes:
        where: the table's name in messages.
        columns: by name.
        names: of all columns, including those that were not read.
        delimiter: of a CSV file; empty for Parquet.
        rows: their number, also where no column was read.
    """

    where: str
    columns: dict[str, pa.Array]
    names: list[str]
    delimiter: str
    rows: int

    def __len__(self) -> int:
        """The number of rows."""
        return self.rows

    @property
    def _decimal_comma(self) -> bool:
        return self.delimiter not in ("", ",")

    def find(self, name: str) -> str | None:
        """The column with this name, or else the only one that differs in case alone; None if there is none.

        Raises:
            UserError: several columns differ in case alone.
        """
        if name in self.names:
            return name
        alike = [one for one in self.names if one.casefold() == name.casefold()]
        if len(alike) > 1:
            raise UserError(f"{self.where}: `{name}` matches the columns {', '.join(alike)}; rename all but one")
        return alike[0] if alike else None

    def text(self, name: str) -> list[str]:
        """A column as text; see `canonical`.

        Raises:
            UserError: the column has neither text nor numbers.
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
        """A column as float64; NaN for values that are not numbers. In a CSV with another delimiter, `0,5` is 0.5."""
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


def _of_csv(where: str, data: bytes, header: Sequence[str], strict: bool, fallback: str) -> DataTable:
    packed = next((name for start, name in PACKED.items() if data.startswith(start)), "")
    if packed:
        raise UserError(f"{where}: {packed}; give CSV or Parquet")
    columns, delimiter = csv_columns(where, decoded(where, data, fallback), header, strict)
    rows = len(next(iter(columns.values()), []))
    arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    return DataTable(where, arrays, list(columns), delimiter, rows)


def _levels(schema: pa.Schema) -> int:
    """How many levels the column names of a pandas table have; 1 for a table of other tools."""
    try:
        return len((schema.pandas_metadata or {})["column_indexes"])
    except (KeyError, TypeError, ValueError):  # metadata of another tool, or damaged
        return 1


def _of_parquet(where: str, file: "Path | pa.BufferReader", only: Callable[[str], bool]) -> DataTable:
    try:
        with pq.ParquetFile(file) as opened:
            names: list[str] = opened.schema_arrow.names
            if (levels := _levels(opened.schema_arrow)) > 1:
                raise UserError(
                    f"{where}: its column names have {levels} levels; join them before it is written, for instance "
                    "`table.columns = table.columns.map('_'.join)`"
                )
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise UserError(f"{where}: has more than one column `{twice[0]}`")
            table = opened.read(columns=[name for name in names if only(name)])
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{where}: damaged Parquet file: {error}") from None
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    return DataTable(where, columns, names, "", table.num_rows)


def read_table(path: Path, only: Callable[[str], bool] = lambda name: True) -> DataTable:
    """Read a user's table: Parquet if its first bytes are Parquet's, otherwise CSV.

    Args:
        path: the file.
        only: selects the columns of a Parquet file by name.

    Raises:
        UserError: the file can't be read.
    """
    try:
        with path.open("rb") as handle:
            start = handle.read(4)
            data = b"" if start == PARQUET else start + handle.read()
    except FileNotFoundError:
        raise UserError(f"{path}: not found") from None
    except IsADirectoryError:
        raise UserError(f"{path}: a folder; name its files, for instance {path}/*.parquet") from None
    except OSError as error:
        raise UserError(f"{path}: not readable: {error.strerror or error}") from None
    if start == PARQUET:
        return _of_parquet(str(path), path, only)
    if path.suffix.lower() in (".parquet", ".pq"):
        raise UserError(f"{path}: not a Parquet file, despite its name")
    return _of_csv(str(path), data, (), True, "")


def table_of(where: str, data: bytes, header: Sequence[str] = ()) -> DataTable:
    """Read a table of a downloaded archive. CSV is parsed leniently, and as Latin-1 if it is not Unicode.

    Args:
        where: the table's name in messages.
        data: its bytes.
        header: column names of a CSV file without a header line.

    Raises:
        UserError: the table can't be read.
    """
    if data.startswith(PARQUET):
        return _of_parquet(where, pa.BufferReader(data), lambda name: True)
    return _of_csv(where, data, header, False, "latin-1")
