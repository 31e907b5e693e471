"""Compare the workspace's summary of metrics with the committed one: `compare_metrics.py --tolerance 0.05`.

Another processor or a GPU sums floating-point numbers in another order, so a run there can't give the same bytes.
AUC, accuracy and rates may differ by the tolerance, counts by that share of themselves.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SUMMARY = Path("metrics/summary.json")
"""By detector, pair and number: what the stage `summary` writes."""


def differences(ours: Any, theirs: Any, tolerance: float, path: str = "") -> list[str]:
    """What differs by more than the tolerance, a line each; missing keys count."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        missing = sorted(set(ours) ^ set(theirs))
        found = [f"{path}.{key}: only in one of the two".lstrip(".") for key in missing]
        for key in sorted(set(ours) & set(theirs)):
            found += differences(ours[key], theirs[key], tolerance, f"{path}.{key}".lstrip("."))
        return found
    if path.endswith(".n"):
        return [f"{path}: {ours} faces, committed {theirs}"] if abs(ours - theirs) > tolerance * theirs else []
    return [f"{path}: {ours:.4f}, committed {theirs:.4f}"] if abs(ours - theirs) > tolerance else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tolerance", type=float, required=True)
    parser.add_argument("--revision", default="HEAD")
    arguments = parser.parse_args()
    if not SUMMARY.is_file():
        sys.exit(f"{SUMMARY}: not there; run `dvc repro`")
    command = ["git", "show", f"{arguments.revision}:{SUMMARY.as_posix()}"]
    shown = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if shown.returncode:
        sys.exit(f"{SUMMARY}: not in {arguments.revision}")
    ours, theirs = json.loads(SUMMARY.read_text(encoding="utf-8")), json.loads(shown.stdout)
    found = differences(ours, theirs, arguments.tolerance)
    print("\n".join(found) or f"{len(ours)} detectors within {arguments.tolerance} of {arguments.revision}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
