"""A params file is read as DVC reads it, or refused with its line and what to write."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import YAMLFileCorruptedError, load_yaml

from conftest import ROOT
from unseen.core.errors import UserError
from unseen.core.yaml_text import read_yaml

SAME = re.split(
    r"\s",
    """0 1 -1 +1 -0 7 90 12345678901234567890 0x1F 0.5 .5 -.5 +.5 1. 1.5 01.5 0.0 1e3 1E3 1e-3 1.5e3 1.5E+3 1.e3 .5e3
.inf -.inf .INF .nan .NaN nan inf true True TRUE false False FALSE tRue ~ null Null NULL nULL none y n Y N 1.2.3 1e e3
-a 1a a_1 v1_2 12:ab faces/people '010' "yes" 'no' '1:30' [1,2] {"a":1} '2001-01-01'""",
)

REFUSED = re.split(
    r"\s",
    """00 010 08 09 -010 +010 0o10 -0o7 0b11 1:30 1:30:15 1:30.5 190:20:30.15 1_000 1_000.5 1_0e3 0_8 _1 ._7 +_1 0x_1F
yes no Yes No YES NO on off On Off ON OFF 2001-01-01 2001-01-01T00:00:00Z
!!int_010 !!str_010 !!str_x !!bool_yes !!float_1 !!set_{a} !!omap_[a:_1] !!binary_aGk= !!python/none_x !foo_x !_x""",
)


def read(folder: Path, text: str) -> Any:
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    return read_yaml(folder / "params.yaml")


def typed(value: Any) -> Any:
    """Values with their types: 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return [(typed(key), typed(item)) for key, item in value.items()]
    return [typed(item) for item in value] if isinstance(value, list) else (type(value).__name__, repr(value))


@pytest.mark.parametrize("text", SAME)
def test_values_are_read_as_dvc_reads_them(tmp_path: Path, text: str) -> None:
    text = f"a: {text}\n"
    assert typed(read(tmp_path, text)) == typed(load_yaml(str(tmp_path / "params.yaml")))


@pytest.mark.parametrize("form", ["a:\n  b: {}\n", "a:\n- {}\n", "b: 1\n{}: 1\n"])
@pytest.mark.parametrize("text", REFUSED)
def test_other_spellings_are_refused_with_line_and_what_to_write(tmp_path: Path, text: str, form: str) -> None:
    text = text.replace("_", " ") if text.startswith("!") else text
    with pytest.raises(UserError) as caught:
        read(tmp_path, form.format(text))
    assert str(caught.value).startswith(f"{tmp_path}/params.yaml:2: `{text.split()[0]}`")
    assert re.search(r"; (write|if it is text, write|remove it)\b", str(caught.value))


@pytest.mark.parametrize(
    ("text", "write"),
    [
        ("yes", "write true, or 'yes'"),
        ("off", "write false, or 'off'"),
        ("010", "write a decimal number without leading zeros, colons and underscores, or, if it is text, '010'"),
        ("2001-01-01", "if it is text, write '2001-01-01'"),
    ],
)
def test_the_advised_spelling_is_read_as_dvc_reads_it(tmp_path: Path, text: str, write: str) -> None:
    with pytest.raises(UserError, match=re.escape(write)):
        read(tmp_path, f"a: {text}")
    for advised in re.findall(r"'.*?'|\b(?:true|false)\b", write):
        assert typed(read(tmp_path, f"a: {advised}")) == typed(load_yaml(str(tmp_path / "params.yaml")))


def test_random_scalars_are_read_as_dvc_reads_them_or_refused(tmp_path: Path) -> None:
    draw, read_same = random.Random(1), 0
    for _ in range(1500):
        text = "a: " + "".join(draw.choice("0178_.:eEox-+ab ") for _ in range(draw.randint(1, 6)))
        try:
            found = read(tmp_path, text)
        except UserError:
            continue
        assert typed(found) == typed(load_yaml(str(tmp_path / "params.yaml"))), text
        read_same += 1
    assert read_same > 500


@pytest.mark.parametrize(
    "file", ["params.yaml", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("experiments/*.yaml"))]
)
def test_files_of_the_project_are_read_as_dvc_reads_them(file: str) -> None:
    assert typed(read_yaml(ROOT / file)) == typed(load_yaml(str(ROOT / file)))


@pytest.mark.parametrize("opens", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_one_line(tmp_path: Path, opens: str) -> None:
    with pytest.raises(UserError, match=r"params\.yaml: not valid YAML: nested too deeply; close the brackets$"):
        read(tmp_path, f"a:\n  {opens * 5000}")


def test_a_number_of_too_many_digits_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a number has too many digits; write a shorter one"):
        read(tmp_path, f"a: {'1' * 5000}")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "params.yaml").write_bytes("a: 1\nb: é\n".encode(encoding))
    with pytest.raises(UserError, match=r"; save it as UTF-8$"):
        read_yaml(tmp_path / "params.yaml")


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes("a: 1\n".encode("utf-8-sig"))
    assert read_yaml(tmp_path / "params.yaml") == load_yaml(str(tmp_path / "params.yaml")) == {"a": 1}


@pytest.mark.parametrize("text", ["{a:1}", "{b: 1, a:1}", "{a:*b}"])
def test_a_colon_without_a_space_within_braces(tmp_path: Path, text: str) -> None:
    """DVC can't read it; PyYAML reads it as a key without a value."""
    with pytest.raises(UserError, match=r"params\.yaml:1: `a:.*` is one text within braces; write a space after"):
        read(tmp_path, f"a: {text}")
    with pytest.raises(YAMLFileCorruptedError):
        load_yaml(str(tmp_path / "params.yaml"))


def test_duplicate_keys_and_merges(tmp_path: Path) -> None:
    assert read(tmp_path, "a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n")["b"] == {"x": 3, "y": 2}
    with pytest.raises(UserError, match=r"params\.yaml:2: duplicate key `x`"):
        read(tmp_path, "a:\n  x: 1\n  x: 2\n")


def test_a_block_may_be_merged_before_it_is_read(tmp_path: Path) -> None:
    """Merging changes the nodes of the other block; its own keys are still not duplicates."""
    path = tmp_path / "params.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb:\n  c: &c {<<: *a, y: 3}\n  <<: {d: {<<: *c, x: 4}, e: {<<: *c, y: 5}}\n")
    assert read_yaml(path)["b"] == {"d": {"x": 4, "y": 3}, "e": {"x": 1, "y": 5}, "c": {"x": 1, "y": 3}}
    path.write_text("b: {x: 1, y: 2, x: 3}\n")
    with pytest.raises(UserError, match="duplicate key `x`"):
        read_yaml(path)
