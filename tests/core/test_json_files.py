"""JSON files."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unseen.core.json_files import read_json, rounded, write_json, write_metrics


def test_json_has_the_same_bytes_for_the_same_value(tmp_path: Path) -> None:
    one: dict[str, Any] = {"b": [1, 2.5, None, True], "a": {"ä": "ö", "x": 1e-9}}
    two: dict[str, Any] = {"a": {"x": 1e-9, "ä": "ö"}, "b": [1, 2.5, None, True]}
    write_json(tmp_path / "one.json", one)
    write_json(tmp_path / "two.json", two)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert (tmp_path / "one.json").read_bytes().endswith(b"}\n")
    assert read_json(tmp_path / "one.json") == one


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_has_no_nan(tmp_path: Path, value: float) -> None:
    write_json(tmp_path / "a.json", {"auc": 0.5})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"auc": value})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert read_json(tmp_path / "a.json") == {"auc": 0.5}


def test_rounded() -> None:
    value = {"a": 0.12345678, "b": [1 / 3, (2 / 3, 1)], "c": {"d": 7, "e": "0.12345678", "f": None, "g": True}}
    expected = {"a": 0.123457, "b": [0.333333, [0.666667, 1]], "c": {"d": 7, "e": "0.12345678", "f": None, "g": True}}
    assert rounded(value) == expected
    assert value["a"] == 0.12345678
    assert isinstance(rounded(True), bool)


def test_noise_in_the_last_bits_is_rounded_away(tmp_path: Path) -> None:
    write_metrics(tmp_path / "one.json", {"auc": 0.1 + 0.2, "gap": 1e-12, "numpy": np.float64(0.3)})
    write_metrics(tmp_path / "two.json", {"auc": 0.3, "gap": -1e-12, "numpy": 0.1 + 0.2})
    assert (tmp_path / "one.json").read_text() == (tmp_path / "two.json").read_text()
    assert json.loads((tmp_path / "one.json").read_text()) == {"auc": 0.3, "gap": 0.0, "numpy": 0.3}


def test_json_that_is_nested_too_deeply_is_a_value_error(tmp_path: Path) -> None:
    """Callers catch ValueError for damaged files."""
    (tmp_path / "a.json").write_text("[" * 20_000)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json(tmp_path / "a.json")
