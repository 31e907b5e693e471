"""Locked packages and pinned actions: the files agree, and nothing is unchecked."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
LOCKS = [ROOT / "constraints-hashes.txt", *sorted((ROOT / ".ci").glob("*.txt"))]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PIN = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
"""`owner/name@commit # version`."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(path: Path) -> dict[str, str]:
    """Versions by normalised name."""
    found = re.findall(r"^([\w.-]+)==([^\s;\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {normal(name): version for name, version in found}


def packages(path: Path) -> list[str]:
    """The text of each package in a lock file, without comments."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return re.split(r"\n(?=\S)", "\n".join(lines))


def test_versions_with_hashes_are_those_of_the_constraints() -> None:
    constraints, hashes = locked(ROOT / "constraints.txt"), locked(ROOT / "constraints-hashes.txt")
    assert {name: hashes.get(name) for name in constraints} == constraints
    # of other systems, and what builds packages
    assert set(hashes) - set(constraints) == {"httpx2-jsfetch", "pywin32", "setuptools", "tzdata"}


def test_every_extra_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(line for lines in extras for line in lines)]
    names = {normal(re.split(r"[\s<>=!~;\[]", line)[0]) for line in wanted}
    assert len(names) > 40
    assert names <= set(locked(ROOT / "constraints-hashes.txt"))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_package_has_a_version_and_hashes(path: Path) -> None:
    for package in packages(path):
        first, *others = [line.strip() for line in package.split("\n")]
        assert re.fullmatch(r"[\w.-]+==[\w.!+]+( ; [^\\]+)? \\", first), first
        assert others
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}( \\)?", line) for line in others), first
    assert "://" not in path.read_text(encoding="utf-8")


def test_packages_are_built_by_the_locked_setuptools() -> None:
    assert locked(ROOT / ".ci/build.txt")["setuptools"] == locked(ROOT / "constraints-hashes.txt")["setuptools"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_jobs_may_only_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    used = re.findall(r"uses: (.+)$", text, re.MULTILINE)
    assert used
    assert [one for one in used if not PIN.fullmatch(one)] == []
    workflow: dict[Any, Any] = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 720
        assert "permissions" not in job
        steps = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert [step["with"]["persist-credentials"] for step in steps] == [False]


def test_an_action_has_one_commit_in_all_workflows() -> None:
    used = {one for path in WORKFLOWS for one in re.findall(r"uses: (.+)$", path.read_text("utf-8"), re.MULTILINE)}
    assert len({one.partition("@")[0] for one in used}) == len(used) >= 4


def test_make_targets_of_the_workflows_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    called = {one for path in WORKFLOWS for one in re.findall(r"run: make (\w+)", path.read_text("utf-8"))}
    assert {"reproduce", "test", "sbom", "audit", "fuzz"} <= called
    assert [one for one in called if not re.search(rf"^{one}:", makefile, re.MULTILINE)] == []
