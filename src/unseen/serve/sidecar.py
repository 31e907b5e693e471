"""The path of the file that stores a detector's scope beside a file of predictions."""

from pathlib import Path


def sidecar(out: Path) -> Path:
    """Return the path for the file of predictions `out`."""
    return out.with_name(f"{out.name}.meta.json")
