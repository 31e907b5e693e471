"""Hashes of this project's own code: part of what decides a result, so part of every checkpoint's name."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType


def code_hash(modules: Iterable[ModuleType]) -> dict[str, str]:
    """SHA-256 of the source files of modules, by module name."""
    found = {}
    for module in modules:
        if module.__file__:
            found[module.__name__] = hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()
    return dict(sorted(found.items()))


def own_code() -> dict[str, str]:
    """The hashes of every module of this project that the process has loaded so far."""
    return code_hash(m for name, m in list(sys.modules.items()) if name.split(".")[0] == "unseen")
