"""Tells how to restore a missing pipeline file. The command depends on where the file is."""

import configparser
import os
from pathlib import Path

CONFIGS = ("config", "config.local")


def _project(path: Path) -> Path | None:
    """The root of the DVC project that contains a path; None outside of one."""
    absolute = Path(os.path.abspath(path))
    return next((folder for folder in absolute.parents if (folder / ".dvc").is_dir()), None)


def _has_remote(project: Path) -> bool:
    """Whether the project's configuration has a remote."""
    for name in CONFIGS:
        config = configparser.RawConfigParser(strict=False)
        try:
            config.read(project / ".dvc" / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # DVC reports it
        if any(section.strip("'").startswith("remote ") for section in config.sections()):
            return True
    return False


def advice(path: Path) -> str:
    """How to restore a missing or damaged file, as the end of a message."""
    project = _project(path)
    if project is None:
        return "copy it again from where `dvc repro` made it"
    if _has_remote(project):
        return "`dvc pull` fetches it, or `dvc repro` makes it"
    return "`dvc repro` makes it"
