"""Modules that are imported when something is asked of them, and not before."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """Stands in for a module; what is asked of it, dunders apart, is answered by the real one."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _forget_deferred()
        return getattr(importlib.import_module(self.__name__), name)


def _forget_deferred() -> None:
    for name in [name for name, module in sys.modules.items() if isinstance(module, _Deferred)]:
        del sys.modules[name]


@contextmanager
def without_compiler() -> Iterator[None]:
    """Import timm without torch's compiler, which takes as long as torch itself and is not used here.

    torchvision asks it for one function, to be called later, and timm marks functions that are not to be compiled.
    """
    if "torch._dynamo" in sys.modules:
        yield
        return
    real = "torch._dynamo.utils"
    compiler, utils = _Deferred("torch._dynamo"), _Deferred(real)
    compiler.__dict__["disable"] = lambda function=None, *_, **__: function or (lambda later: later)
    utils.__dict__["is_compile_supported"] = lambda kind: importlib.import_module(real).is_compile_supported(kind)
    sys.modules |= {module.__name__: module for module in (compiler, utils)}
    try:
        yield
    finally:
        _forget_deferred()
