"""Every name that a benchmark imports exists. No benchmark is run here, but parts of `processors` are."""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FILES = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_benchmark_imports_is_there(file: Path) -> None:
    gone = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "unseen":
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                if not hasattr(module, alias.name):
                    try:
                        importlib.import_module(f"{node.module}.{alias.name}")
                    except ModuleNotFoundError:
                        gone.append(f"{node.module}.{alias.name}")
    assert gone == []


def processors() -> Any:
    """benchmarks/processors.py, imported as a module."""
    spec = importlib.util.spec_from_file_location("processors", FILES[0].with_name("processors.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_processor_whose_mean_lies_outside_of_the_range_is_counted() -> None:
    numbers = {"auc": 0.8, "auc_min": 0.75, "auc_max": 0.85}
    found = {name: {"d": {"p": {**numbers, "auc": auc}}} for name, auc in (("a", 0.76), ("b", 0.72), ("c", 0.86))}
    lines, wrong = processors().table({"d": {"p": numbers}}, {**found, "none": {}}, 0.02)
    assert (
        lines[-1]
        == "| d | p | 0.750 to 0.850 | 0.760 | 0.720 (outside by 0.030) | 0.860 (outside by 0.010) | missing |"
    )
    assert wrong == 2  # b and the missing one


def test_an_emulated_processor_uses_none_of_the_faster_kernels() -> None:
    module = processors()
    for processor, capability in (("sse4.1", "DEFAULT"), ("avx2", "AVX2")):
        variables = {**os.environ, **module.VARIABLES[processor], **module.numpy_variable(processor)}
        program = "import numpy, torch; print(torch.backends.cpu.get_cpu_capability())"
        done = subprocess.run(
            [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == [capability]
        assert "NPY_DISABLE_CPU_FEATURES" not in done.stderr
