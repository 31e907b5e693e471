"""Stop a training loop from outside, as a kill would, so that a test can let it go on."""

from collections.abc import Iterable, Iterator
from types import ModuleType

import pytest


class Interruption(Exception):
    """A stop that is not the loop's own."""


def stop_after(steps: int, loop: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop of a module, which walks over `progress`, do some steps and then stop it."""

    def cut(items: Iterable[int], *_: object) -> Iterator[int]:
        for number, item in enumerate(items):
            if number == steps:
                raise Interruption
            yield item

    monkeypatch.setattr(loop, "progress", cut)
