"""Every name that a benchmark imports exists. Parts of `processors` and of `gpu` are run."""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors.numpy import save_file

from unseen.params.check import load_params

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


def imported(name: str) -> Any:
    """A benchmark, imported as a module."""
    spec = importlib.util.spec_from_file_location(name, FILES[0].with_name(f"{name}.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def processors() -> Any:
    return imported("processors")


@pytest.mark.parametrize(
    ("part", "rate"),
    [
        ("gan_r3gan_128", "images_per_s"),
        ("detector_vit_lora", "training_images_per_s"),
        ("precision", "largest_relative_difference"),
    ],
)
def test_a_part_of_the_gpu_script_runs_on_a_cpu(part: str, rate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FILES[0].parent))
    tests = sys.modules.pop("detectors", None)  # the package of tests, not the benchmark
    try:
        found = imported("gpu").parts("tiny")[part]()
    finally:
        sys.modules.pop("detectors", None)
        if tests:
            sys.modules["detectors"] = tests
    assert found[rate] > 0


def test_a_part_that_fails_costs_only_its_own_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FILES[0].parent))
    gpu = imported("gpu")
    assert gpu._measured("none", "tiny", 60) == {"failed": "KeyError: 'none'"}
    assert gpu._measured("precision", "tiny", 0.01) == {"failed": "took longer than 0 s"}


def test_a_finding_that_does_not_hold_on_a_processor_is_counted() -> None:
    def row(finding: str, here: str, outcome: str) -> dict[str, str]:
        return {"finding": finding, "committed": "0.800 (0.700 to 0.900)", "here": here, "outcome": outcome}

    lines, wrong = processors().table(
        {
            "a": [row("AUC", "0.760", "holds"), row("TPR", "0.100", "not stated: range too wide")],
            "b": [row("AUC", "0.650", "does not hold"), row("TPR", "0.800", "holds")],
        }
    )
    assert lines[-2:] == [
        "| AUC | 0.800 (0.700 to 0.900) | 0.760 | 0.650 (does not hold) |",
        "| TPR | 0.800 (0.700 to 0.900) | 0.100 (not stated: range too wide) | 0.800 |",
    ]
    assert wrong == 1


def test_the_findings_of_a_processor_are_those_of_its_folder(tmp_path: Path) -> None:
    findings = {"params": "", "training_seeds": 3, "exact": {"orl: faces": 400}, "numbers": {}, "claims": {}}
    for name, faces in (("native", 400), ("avx2", 399)):
        (tmp_path / name / "metrics").mkdir(parents=True)
        (tmp_path / name / "src").symlink_to(FILES[0].parents[1] / "src")
        text = json.dumps({**findings, "exact": {"orl: faces": faces}})
        (tmp_path / name / "metrics/findings.json").write_text(text)
    found = processors().verified(tmp_path / "avx2", str(tmp_path / "native"))
    expected = {"finding": "orl: faces", "committed": "400", "here": "399", "outcome": "does not hold"}
    assert found == [expected]


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


def test_many_detectors_and_sets_are_valid_params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FILES[0].parent))
    overhead = imported("dvc_overhead")
    default = yaml.safe_load((FILES[0].parents[1] / "params.yaml").read_text(encoding="utf-8"))
    overhead.write(tmp_path / "params.yaml", overhead.large(default, 7, 5))
    params = load_params(tmp_path / "params.yaml")
    assert len(params.detectors) == 7
    assert {detector.kind for detector in params.detectors.values()} == set(default["detectors"])
    assert len(params.evaluation_sets) == 5


def test_dvc_finds_a_project_of_stand_in_files_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FILES[0].parent))
    overhead = imported("dvc_overhead")
    project = tmp_path / "plain"
    overhead.plain_project(project, 2)
    assert overhead.run([sys.executable, "-c", overhead.LOCK, "3"], project) == "2\n"
    assert overhead.cpu_seconds(["status"], project) > 0
    (project / "0.bin").write_text("changed")
    with pytest.raises(RuntimeError, match="not up to date"):
        overhead.cpu_seconds(["status"], project)


def test_how_far_outputs_of_two_machines_differ(tmp_path: Path) -> None:
    differences = imported("two_machines_compare").differences
    for name, number in (("one", 1.0), ("other", 1.25)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.csv").write_text(f"step,loss\n1,{number}\n")
        (folder / "b.json").write_text(json.dumps({"sha256": f"{int(number * 4):064x}", "losses": [number, 2.0]}))
        (folder / "c.png").write_bytes(name.encode())
        (folder / "d.txt").write_text("same")
        save_file({"w": np.array([number, 5.0], np.float32)}, folder / "e.safetensors")
        pq.write_table(pa.table({"logit": [0.0, number], "id": ["x", "y"]}), folder / "f.parquet")
    (tmp_path / "other/g.txt").touch()
    found = dict(differences(tmp_path / "one", tmp_path / "other"))
    expected = {"a.csv": 0.2, "b.json": 0.2, "c.png": np.inf, "d.txt": 0, "f.parquet": 0.2, "g.txt": np.inf}
    assert found == pytest.approx(expected | {"e.safetensors": 0.05})
    assert set(dict(differences(tmp_path / "one", tmp_path / "one")).values()) == {0.0}
