"""How a file that the pipeline makes is had again: what to run depends on where it lies."""

import configparser
import os
from pathlib import Path

CONFIGS = ("config", "config.local")


def _project(path: Path) -> Path | None:
    """The folder of the DVC project that a path lies in; None outside of one."""
    absolute = Path(os.path.abspath(path))
    return next((folder for folder in absolute.parents if (folder / ".dvc").is_dir()), None)


def _has_remote(project: Path) -> bool:
    """Whether the project's own configuration names a remote."""
    for name in CONFIGS:
        config = configparser.RawConfigParser(strict=False)
        try:
            config.read(project / ".dvc" / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # DVC itself says so
        if any(section.strip("'").startswith("remote ") for section in config.sections()):
            return True
    return False


def advice(path: Path) -> str:
    """What to do about a file that is missing or damaged, as the end of a message."""
    project = _project(path)
    if project is None:
        return "copy it again from where `dvc repro` made it"
    if _has_remote(project):
        return "`dvc pull` fetches it, or `dvc repro` makes it"
    return "`dvc repro` makes it"
