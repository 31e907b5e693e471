"""The serving image has every package that its commands import, and no others' names."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
LISTED = ROOT / "docker/serving.txt"

IMPORTS = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1:]))  # these can't be imported
import unseen.commands.predict, unseen.commands.serve, unseen.core.progress, unseen.serve.api
import unseen.serve.onnx.folder, unseen.serve.onnx.network, unseen.serve.predict
import unseen.serve.page.app, unseen.serve.page.server
print(*{name.split(".")[0] for name, module in sys.modules.items() if module})
"""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _with_requirements(names: set[str]) -> set[str]:
    """Distributions and what they require, without extras."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        for line in metadata.requires(name) or []:
            if "extra ==" not in line:
                needed = _normal(re.split(r"[\s<>=!~;\[(]", line)[0])
                waiting |= {needed} - found if _is_installed(needed) else set()
    return found


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def test_the_serving_image_has_what_its_commands_import() -> None:
    """Without any other package the commands can be imported, and each listed one is needed."""
    listed = {_normal(line) for line in LISTED.read_text().splitlines() if line and not line.startswith("#")}
    there = _with_requirements(listed) | {"unseen"}
    packages = {
        module: {_normal(name) for name in names} for module, names in metadata.packages_distributions().items()
    }
    others = [module for module, names in packages.items() if not names & there]
    assert {"torch", "dvc", "timm"} <= set(others)
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, *others], capture_output=True, text=True, encoding="utf-8", cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    imported = {name for module in done.stdout.split() for name in packages.get(module, ())}
    assert listed <= imported


def test_the_images_are_not_root() -> None:
    for file in (ROOT / "Dockerfile", ROOT / "docker/train.Dockerfile"):
        users = [line.split()[1] for line in file.read_text().splitlines() if line.startswith("USER")]
        assert users
        assert users[-1] == "10001"
