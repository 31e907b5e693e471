"""Which evaluated pictures have trained something: exactly the same file, or the same picture to the eye.

Two 256-bit difference hashes are compared, of the whole picture and of the crop, so that a copy of another size or
quality is found as well as one that was framed anew. A copy that was both framed anew and compressed hard is not.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

RADIUS = 15
"""Bits in which two hashes of one picture may differ. Measured on 120 portraits of 256 px: of copies at JPEG quality
40, of half the size, or blurred, more than nine in ten lie within; of 300,000 pairs of different ones none is below
32."""

BANDS = 16
"""Parts of a hash. Two hashes that differ in at most RADIUS bits have one of RADIUS + 1 parts in common."""

PIECE = 2**16
"""Candidates that are compared at once: few enough to stay in the processor's cache."""

_SHUFFLED = np.random.default_rng(0).permutation(256)
"""Every part gets bits from all over the picture: those of a plain background are the same in many pictures."""


def words(hashes: Sequence[str]) -> Words:
    """Hashes of 64 hex digits as [n, 4] 64-bit words."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint64).reshape(-1, 4)


def _bands(hashes: Words) -> npt.NDArray[np.uint16]:
    bits = np.unpackbits(np.ascontiguousarray(hashes).view(np.uint8), axis=1)[:, _SHUFFLED]
    return np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint16)


class HashIndex:
    """Finds the hashes within RADIUS of a hash, all of them, without looking at every one (multi-index hashing,
    Norouzi, Punjani and Fleet 2012, arXiv 1307.2982)."""

    def __init__(self, hashes: Words) -> None:
        """`hashes` are [n, 4] words."""
        self._hashes = hashes
        bands = _bands(hashes)
        self._order = [np.argsort(bands[:, band], kind="stable") for band in range(BANDS)]
        self._sorted = [bands[order, band] for band, order in enumerate(self._order)]

    def _candidates(self, queries: Words) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Pairs of positions (query, hash) that share a part, PIECE at a time."""
        bands = _bands(queries)
        for band in range(BANDS):
            left = np.searchsorted(self._sorted[band], bands[:, band], "left")
            counts = np.searchsorted(self._sorted[band], bands[:, band], "right") - left
            ends = np.cumsum(counts)
            first = 0
            while first < len(queries):
                taken = ends[first - 1] if first else 0
                last = max(first + 1, int(np.searchsorted(ends, taken + PIECE, "right")))
                some = counts[first:last]
                rows = np.repeat(np.arange(first, last), some)
                places = np.arange(len(rows)) - np.repeat(np.cumsum(some) - some, some) + left[rows]
                yield rows, self._order[band][places]
                first = last

    def nearest(self, queries: Words) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """For each query [n, 4] the position of the nearest hash within RADIUS and its distance in bits; -1 where
        there is none. Of equally near ones the first."""
        far = np.iinfo(np.int64).max
        best = np.full(len(queries), far)
        for rows, found in self._candidates(queries):
            bits = np.zeros(len(rows), np.int64)
            for word in range(queries.shape[1]):  # most pairs are too far apart after the first word
                bits += np.bitwise_count(queries[rows, word] ^ self._hashes[found, word])
                near = bits <= RADIUS
                rows, found, bits = rows[near], found[near], bits[near]
            # distance first, then position, in one number: the smallest is the nearest and first
            np.minimum.at(best, rows, bits * len(self._hashes) + found)
        none = best == far
        size = max(1, len(self._hashes))
        return np.where(none, -1, best % size), np.where(none, -1, best // size)
