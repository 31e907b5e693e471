"""The name of the file with a detector's scope, beside a file of predictions."""

from pathlib import Path


def sidecar(out: Path) -> Path:
    """The file beside `out`."""
    return out.with_name(f"{out.name}.meta.json")
