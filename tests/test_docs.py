"""Tables of the documentation."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/*.md")]


def tables(text: str) -> list[list[str]]:
    """The lines of each table outside of code."""
    found: list[list[str]] = [[]]
    for line in re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL).splitlines():
        if line.startswith("|"):
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [lines for lines in found if lines]


def cells(line: str) -> int:
    """How many cells a row has; a bar behind a backslash, or in code, is text."""
    return len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", line))) - 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_whole(page: Path) -> None:
    """A blank line within one makes text of all that follows."""
    for lines in tables(page.read_text(encoding="utf-8")):
        assert len(lines) > 2, lines
        assert re.fullmatch(r"\|(:?-+:?\|)+", lines[1]), lines[0]
        assert [line for line in lines if cells(line) != cells(lines[1])] == []
