"""Hashes of this project's code. They are part of every checkpoint's name, because results depend on the code."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType


def code_hash(modules: Iterable[ModuleType]) -> dict[str, str]:
    """SHA-256 of each module's source file, by module name."""
    found = {}
    for module in modules:
        if module.__file__:
            found[module.__name__] = hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()
    return dict(sorted(found.items()))


def own_code() -> dict[str, str]:
    """The hashes of all modules of this project that are loaded so far."""
    return code_hash(m for name, m in list(sys.modules.items()) if name.split(".")[0] == "unseen")
