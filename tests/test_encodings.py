"""Every text file is opened with its encoding: what a locale says must not decide what is read or written."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = [path for folder in ("src", "stages", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
READERS = {"read_text": 0, "write_text": 1}
"""Which argument of these is the encoding."""

OPENERS = {"open", "fdopen", "NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile", "TextIOWrapper"}
PROGRAMS = {"run", "Popen", "check_output", "check_call", "call"}
TEXT = {"text", "universal_newlines"}


def _mode(call: ast.Call, name: str) -> str | None:
    """The mode of a call that opens a file; empty by default, None where it is no literal."""
    named = next((one.value for one in call.keywords if one.arg == "mode"), None)
    path_first = isinstance(call.func, ast.Name) or ast.unparse(call.func) in ("io.open", "os.fdopen", "gzip.open")
    place = 1 if path_first and not name.endswith("TemporaryFile") else 0
    found = named or (call.args[place] if len(call.args) > place else None)
    if found is None:
        return "w+b" if name.endswith("TemporaryFile") else ""
    return found.value if isinstance(found, ast.Constant) and isinstance(found.value, str) else None


def without_encoding(source: str) -> Iterator[tuple[int, str]]:
    """Line and code of each call that opens a text file, or another program's output, in the locale's encoding."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        keywords = {one.arg: one.value for one in call.keywords}
        if "encoding" in keywords:
            continue
        if name in READERS:
            text = len(call.args) <= READERS[name]
        elif name == "open" and isinstance(call.func, ast.Attribute) and _other_open(call):
            text = False
        elif name in OPENERS:
            mode = _mode(call, name)
            text = name == "TextIOWrapper" or (mode is not None and "b" not in mode)
        else:
            text = name in PROGRAMS and any(isinstance(keywords.get(one), ast.Constant) for one in TEXT)
        if text:
            yield call.lineno, ast.unparse(call)


def _other_open(call: ast.Call) -> bool:
    """Whether `x.open(...)` opens no text file: Pillow's and tarfile's, and members of archives."""
    of = ast.unparse(call.func).removesuffix(".open")
    return of in {"Image", "os", "tarfile", "self", "PIL.Image"} or of.endswith(("archive", "outer"))


def test_an_encoding_is_given() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {code}"
        for path in FILES
        for line, code in without_encoding(path.read_text(encoding="utf-8"))
    ]
    assert not found, "give encoding='utf-8'"
    assert len(FILES) > 200


@pytest.mark.parametrize(
    "code",
    [
        "p.read_text()",
        "p.write_text(x)",
        "open(p)",
        "open(p, 'w')",
        "p.open()",
        "(a / b).open('w', newline='')",
        "open(p, mode='a')",
        "subprocess.run(c, text=True)",
        "os.fdopen(f, 'w')",
        "NamedTemporaryFile('w')",
        "TextIOWrapper(b)",
    ],
)
def test_calls_without_an_encoding_are_reported(code: str) -> None:
    assert list(without_encoding(code))


@pytest.mark.parametrize(
    "code",
    [
        "p.read_text('utf-8')",
        "p.write_text(x, encoding='ascii')",
        "open(p, 'rb')",
        "p.open('wb')",
        "Image.open(p)",
        "subprocess.run(c)",
        "subprocess.run(c, text=True, encoding='utf-8')",
        "NamedTemporaryFile()",
        "zip_archive.open(name)",
    ],
)
def test_calls_with_an_encoding_are_not_reported(code: str) -> None:
    assert not list(without_encoding(code))
