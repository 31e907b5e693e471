"""Each stage's deps are exactly the first-party files that it imports: DVC does not follow imports."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from closure import ROOT, closure

# Imported by name, so that editing one re-runs only who asked for it: the item names it in dvc.yaml, or, where
# a matrix can't, the input carries the hash of its code.
KINDS = ("kaggle", "manual", "pypi", "sklearn", "url")
BY_NAME = {
    "sources": [ROOT / "src/unseen/sources" / f"{name}.py" for name in KINDS],
    "gans": [ROOT / "src/unseen/gans" / f"{name}.py" for name in ("dcgan", "r3gan")],
    "detectors": [
        file for file in (ROOT / "src/unseen/detectors").glob("*.py") if "\ndef restore(" in file.read_text()
    ],
}
TEMPLATES = {
    "src/unseen/sources/${item.kind}.py": "sources",
    "src/unseen/gans/${item.architecture}.py": "gans",
    "src/unseen/detectors/${item.kind}.py": "detectors",
}
STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def script_of(stage: dict[str, Any]) -> Path:
    """The script that a stage's command runs."""
    match = re.match(r"python (stages/\w+\.py)", stage["cmd"])
    assert match
    return ROOT / match.group(1)


def mismatches(stage: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Code that a stage imports without listing it, and code that it lists without importing it."""
    deps = stage["deps"]
    named = [file for template, group in TEMPLATES.items() if template in deps for file in BY_NAME[group]]
    needed = {file.relative_to(ROOT).as_posix() for file in closure([script_of(stage), *named])}
    needed -= {file.relative_to(ROOT).as_posix() for file in named}
    listed = {dep for dep in deps if dep.endswith(".py") and "$" not in dep}
    return needed - listed, listed - needed


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_the_import_closure(name: str) -> None:
    stage = STAGES[name].get("do", STAGES[name])
    missing, superfluous = mismatches(stage)
    assert not missing, f"{name}: add to deps in dvc.yaml: {sorted(missing)}"
    assert not superfluous, f"{name}: not imported, take out of deps in dvc.yaml: {sorted(superfluous)}"


@pytest.mark.parametrize("name", STAGES)
def test_a_removed_dep_is_noticed(name: str) -> None:
    stage = STAGES[name].get("do", STAGES[name])
    for dep in [dep for dep in stage["deps"] if dep.endswith(".py") and "$" not in dep]:
        missing, _ = mismatches({**stage, "deps": [other for other in stage["deps"] if other != dep]})
        assert missing == {dep}


def test_every_script_and_every_module_by_name_has_its_place() -> None:
    scripts = {script_of(stage.get("do", stage)) for stage in STAGES.values()}
    assert scripts == set((ROOT / "stages").glob("[a-z]*.py"))
    dynamic = {
        (path.relative_to(ROOT).as_posix(), ast.unparse(node.args[0]))
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module")
    }
    packages = {found[1] for _, argument in dynamic if (found := re.search(r"unseen\.(\w+)\.\{", argument))}
    assert len(dynamic) >= len(packages) > 0
    assert packages <= set(BY_NAME), f"a new kind of import by name: {packages - set(BY_NAME)}"


def test_packages_hold_no_code() -> None:
    """Only the first one does: it turns telemetry off, which changes no result and so is no dep."""
    first = ROOT / "src/unseen/__init__.py"
    _, *code = ast.parse(first.read_text(encoding="utf-8")).body
    assert [ast.unparse(node) for node in code] == ["from unseen import telemetry", "telemetry.off()"]
    for path in set((ROOT / "src").rglob("__init__.py")) - {first}:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body), path


def test_artifacts_carry_the_hash_of_code_that_is_imported_by_name() -> None:
    for file in ("src/unseen/gans/artifact.py", "src/unseen/detectors/artifact.py"):
        assert '"code": code_hash(' in (ROOT / file).read_text()


def test_nothing_volatile_in_a_command() -> None:
    for name, stage in STAGES.items():
        command = stage.get("do", stage)["cmd"]
        assert re.fullmatch(r"python stages/\w+\.py( \$\{(key|item\.\w+)\})*", command), name
