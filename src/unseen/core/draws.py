"""Reproducible random numbers from names. Imports little, since processes for preprocessing use it."""

import hashlib


def unit_interval(*parts: object) -> float:
    """A uniformly distributed number in [0, 1) that depends only on `parts` (53 bits of SHA-256)."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53
