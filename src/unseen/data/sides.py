"""The sides of stored crops: all equal, or, with `faces.native`, each crop its own."""

from typing import Protocol

AGAIN = (
    "make it again with `dvc repro --force --single-item STAGE@SET` (faces, generate, twins or diffuse), then "
    "`dvc repro`"
)


class Sides(Protocol):
    """The sides of crops: those of a set, or `FaceSettings`.

    Attributes:
        side: pixels; of native crops the largest.
        native: whether each crop has its own side.
    """

    @property
    def side(self) -> int:
        """See the class."""

    @property
    def native(self) -> bool:
        """See the class."""


def described(of: Sides) -> str:
    """The sides of crops as text."""
    return f"up to {of.side} pixels, each with its own (`faces.native`)" if of.native else f"{of.side} pixels"
