"""Text output of the commands."""

import sys
from collections.abc import Iterable, Sequence

from unseen.core.errors import printable as shown

__all__ = ["columns", "count", "shown"]


def count(n: int, what: str) -> str:
    """`1 face`, `2 faces`."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def warn(warnings: Iterable[str]) -> None:
    """Print a line for each warning on stderr."""
    for warning in warnings:
        print(f"warning: {shown(warning)}", file=sys.stderr)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Format rows as lines with aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
