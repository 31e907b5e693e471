"""Detectors that see stored crops as they are."""

from unseen.core.errors import UserError
from unseen.detectors.shared.settings import NativeSettings


def check_native(settings: NativeSettings, size: int) -> None:
    """Refuse to resize crops of `size` pixels.

    Raises:
        UserError: `input_size` is another.
    """
    if settings.input_size != size:
        raise UserError(
            f"params: `input_size` is {settings.input_size}; `{settings.kind}` sees stored crops as they are, "
            f"and they have {size} px: set it to {size}"
        )
