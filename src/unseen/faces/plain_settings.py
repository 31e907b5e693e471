"""Settings as plain data, for processes that do not import pydantic.

Its import is nearly half of the start of a process for preprocessing.
"""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from unseen.faces.settings import FaceSettings

CENTRE = 0.35
"""Position of a crop's centre between the eyes (0) and the mouth (1), by default."""


def plain(settings: "FaceSettings") -> "FaceSettings":
    """The same values under the same names, without the class: its checks and methods are not there."""
    values = dict(settings)
    blocks = {name: SimpleNamespace(**dict(values[name])) for name in ("detect", "jpeg")}
    return cast("FaceSettings", SimpleNamespace(**{**values, **blocks}))
