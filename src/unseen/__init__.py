"""Deepfake-face detectors, measured on generators they have never seen.

The Python API is `load`, `to_frame` and the classes that they return; see `unseen.serve.api`. They are imported when
they are first used, so that `import unseen` is quick.
"""

from typing import TYPE_CHECKING, Any

from unseen.core import openmp, telemetry

if TYPE_CHECKING:
    from unseen.core.errors import UserError
    from unseen.serve.api import Detector, Face, NotScored, Prediction, load, to_frame

__all__ = ["Detector", "Face", "NotScored", "Prediction", "UserError", "load", "to_frame"]

openmp.limit_active_wait()
telemetry.off()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from unseen.serve import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
