"""Write params files in the form that DVC writes, comments kept: `format_params.py FILE ...`.

`dvc exp run -S` rewrites the whole of params.yaml, with lists in block style and lines of 80 characters. A file in
this form changes in the lines of the knob alone. Exits with 1 when a file was rewritten, as hooks do.
"""

import logging
import sys
from pathlib import Path

from dvc.utils.hydra import apply_overrides


def format_file(path: Path) -> bool:
    """Write a params file as DVC does, and return whether it changed."""
    before = path.read_bytes()
    apply_overrides(path, [])
    return path.read_bytes() != before


def main() -> int:
    """Format the files that are named."""
    logging.getLogger("dvc").setLevel(logging.ERROR)
    changed = [name for name in sys.argv[1:] if format_file(Path(name))]
    for name in changed:
        print(f"{name}: written in the form that DVC writes")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
