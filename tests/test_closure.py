"""Every import of a stage is covered by one of its deps: DVC does not follow imports."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from closure import ROOT, closure

KINDS = {
    "src/unseen/sources/kinds/${item.kind}.py": "sources/kinds",
    "src/unseen/gans/architectures/${item.architecture}.py": "gans/architectures",
    "src/unseen/detectors/kinds/${item.kind}.py": "detectors/kinds",
}
"""Imported by name, so that editing one re-runs only the items that name it. `score` and `generate` import kinds by
the name that their input records, with the hash of that code: for them the input is the dependency."""
SIDE_FILES = {"stages/_stage.py", "src/unseen/costs.py"}
"""They stop a stage or measure it, and change nothing that it writes."""
ONLY_LOOKS = (
    "report",
    "commands",
    "evaluation",
    "serve",
    "speed",
    "costs.py",
    "shortages.py",
    "params",
    "audit",
    "gate",
)
"""What no training may depend on."""
STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def script_of(stage: dict[str, Any]) -> Path:
    """The script that a stage's command runs."""
    match = re.match(r"python (stages/\w+\.py)", stage["cmd"])
    assert match
    return ROOT / match.group(1)


def code(stage: dict[str, Any]) -> list[str]:
    """The code among a stage's deps, as folders and files."""
    return [dep for dep in stage["deps"] if dep.startswith(("src/", "stages/"))]


def needed(stage: dict[str, Any]) -> set[str]:
    """The files of this project that a stage imports, kinds apart that are imported by name."""
    folders = [ROOT / "src/unseen" / folder for dep, folder in KINDS.items() if dep in code(stage)]
    kinds = [file for folder in folders for file in folder.glob("[a-z]*.py")]
    files = closure([script_of(stage), *kinds], without=SIDE_FILES)
    return {file.relative_to(ROOT).as_posix() for file in files - set(kinds)}


def covered(file: str, deps: list[str]) -> bool:
    return any(file == dep or file.startswith(f"{dep}/") for dep in deps)


@pytest.mark.parametrize("name", STAGES)
def test_every_import_is_covered_by_a_dep(name: str) -> None:
    stage = STAGES[name].get("do", STAGES[name])
    missing = sorted(file for file in needed(stage) if not covered(file, code(stage)))
    assert not missing, f"{name}: its deps in dvc.yaml do not cover {missing}"


@pytest.mark.parametrize("name", STAGES)
def test_every_dep_on_code_is_needed(name: str) -> None:
    stage = STAGES[name].get("do", STAGES[name])
    for dep in code(stage):
        assert (ROOT / dep).exists() or dep in KINDS
        rest = [other for other in code(stage) if other != dep]
        assert dep in KINDS or any(not covered(file, rest) for file in needed(stage)), (
            f"{name}: {dep} is not imported"
        )


@pytest.mark.parametrize("name", ["train_gan", "train_autoencoder", "train_detector", "leave_one_out"])
def test_no_training_depends_on_what_only_looks_at_results(name: str) -> None:
    stage = STAGES[name].get("do", STAGES[name])
    for dep in [*code(stage), *needed(stage)]:
        room = dep.removeprefix("src/unseen/").split("/")[0]
        assert room not in ONLY_LOOKS, dep
        assert dep not in SIDE_FILES


def test_every_script_and_every_module_by_name_has_its_place() -> None:
    scripts = {script_of(stage.get("do", stage)) for stage in STAGES.values()}
    assert scripts == set((ROOT / "stages").glob("[a-z]*.py"))
    dynamic = {
        (path.relative_to(ROOT).as_posix(), ast.unparse(node.args[0]))
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module")
    }
    packages = {found[1] for _, argument in dynamic if (found := re.search(r"unseen\.([\w.]+)\.\{", argument))}
    assert len(dynamic) >= len(packages) > 0
    assert {package.replace(".", "/") for package in packages} == set(KINDS.values())


def test_packages_hold_no_code() -> None:
    """Only the first one does: it sets variables of libraries that change no result, and exports the Python API by
    functions that no stage calls; so it is no dep."""
    first = ROOT / "src/unseen/__init__.py"
    _, *code = ast.parse(first.read_text(encoding="utf-8")).body
    lazy = [node for node in code if isinstance(node, ast.FunctionDef | ast.If)]
    assert [ast.unparse(node).splitlines()[0] for node in lazy] == [
        "if TYPE_CHECKING:",
        "def __getattr__(name: str) -> Any:",
        "def __dir__() -> list[str]:",
    ]
    others = [ast.unparse(node) for node in code if node not in lazy]
    assert [text for text in others if not text.startswith(("from typing import", "__all__ = "))] == [
        "from unseen.core import openmp, telemetry",
        "openmp.limit_active_wait()",
        "telemetry.off()",
    ]
    for path in set((ROOT / "src").rglob("__init__.py")) - {first}:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body), path


def test_artifacts_carry_the_hash_of_code_that_is_imported_by_name() -> None:
    for file in ("src/unseen/gans/shared/artifact.py", "src/unseen/detectors/shared/artifact.py"):
        assert '"code": code_hash(' in (ROOT / file).read_text()


def test_nothing_volatile_in_a_command() -> None:
    for name, stage in STAGES.items():
        command = stage.get("do", stage)["cmd"]
        assert re.fullmatch(r"python stages/\w+\.py( \$\{(key|item(\.\w+)?)\})*", command), name
