"""Detectors that see stored crops at their own size."""

from unseen.core.errors import UserError
from unseen.detectors.shared.settings import NativeSettings


def check_native(settings: NativeSettings, size: int) -> None:
    """Check that crops of `size` pixels need no resize; with `view: crop` that is the network's own side.

    Raises:
        UserError: `input_size` is not `size`.
    """
    if settings.input_size != size:
        raise UserError(
            f"params: `input_size` is {settings.input_size}; `{settings.kind}` does not resize stored crops, "
            f"which have {size} px: set it to {size}"
        )
