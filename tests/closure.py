"""Which first-party files a Python file imports, directly or not, read from the code without running it."""

import ast
from collections.abc import Collection
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _file_of(module: str) -> Path | None:
    """The file of a first-party module; None for other people's, and for packages, which hold no code."""
    parts = module.split(".")
    for base in (ROOT / "src", ROOT / "stages"):
        candidate = base.joinpath(*parts).with_suffix(".py")
        if candidate.is_file():
            return candidate
    return None


@cache
def imports(path: Path) -> set[Path]:
    """The first-party files that one file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found |= {file for name in names if (file := _file_of(name))}
    return found


def closure(starts: list[Path], without: Collection[str] = ()) -> set[Path]:
    """The start files and everything first-party that they need; `without` some files and what these need."""
    seen: set[Path] = set()
    todo = list(starts)
    while todo:
        path = todo.pop()
        if path not in seen and path.relative_to(ROOT).as_posix() not in without:
            seen.add(path)
            todo.extend(imports(path))
    return seen
