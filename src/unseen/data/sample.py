"""Draw a fixed sample of ids."""

from collections.abc import Iterable

from unseen.core.draws import unit_interval


def evenly(ids: Iterable[str], count: int) -> list[str]:
    """A pseudo-random sample of at most `count` ids, which depends only on the ids."""
    return sorted(ids, key=lambda name: (unit_interval("explained", name), name))[:count]
