"""Compare the workspace's detector metrics with the committed ones: `compare_metrics.py --tolerance 0.05`.

Another processor or a GPU sums floating-point numbers in another order, so a run there can't give the same bytes.
AUC, accuracy and the shares caught and flagged may differ by the tolerance, counts by that share of themselves.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

COMPARED = {"value", "share", "balanced_accuracy", "accuracy"}


def differences(ours: Any, theirs: Any, tolerance: float, path: str = "") -> list[str]:
    """What differs by more than the tolerance, a line each; missing keys count."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        missing = sorted(set(ours) ^ set(theirs))
        found = [f"{path}.{key}: only in one of the two" for key in missing]
        for key in sorted(set(ours) & set(theirs)):
            found += differences(ours[key], theirs[key], tolerance, f"{path}.{key}")
        return found
    name = path.rsplit(".", 1)[-1]
    if name == "n" and abs(ours - theirs) > tolerance * theirs:
        return [f"{path}: {ours} faces, committed {theirs}"]
    if name in COMPARED and abs(ours - theirs) > tolerance:
        return [f"{path}: {ours:.4f}, committed {theirs:.4f}"]
    return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tolerance", type=float, required=True)
    parser.add_argument("--revision", default="HEAD")
    arguments = parser.parse_args()
    files = sorted(Path("metrics/detectors").glob("*.json"))
    found = [] if files else ["metrics/detectors: no metrics; run `dvc repro`"]
    for file in files:
        shown = subprocess.run(
            ["git", "show", f"{arguments.revision}:{file.as_posix()}"], capture_output=True, text=True, check=False
        )
        if shown.returncode:
            found.append(f"{file}: not in {arguments.revision}")
        else:
            ours, theirs = json.loads(file.read_text()), json.loads(shown.stdout)
            found += differences(ours, theirs, arguments.tolerance, file.stem)
    print("\n".join(found) or f"{len(files)} detectors within {arguments.tolerance} of {arguments.revision}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
