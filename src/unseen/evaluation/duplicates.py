"""Near-duplicate search with 256-bit difference hashes.

Hashes of the whole image find copies of another size or quality. Hashes of the face crop find copies that were
cropped differently. Copies that were both cropped differently and compressed strongly are not found.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

RADIUS = 15
"""Largest distance, in bits, between two hashes of one image. Measured on 120 portraits of 256 px: more than 90 % of
copies at JPEG quality 40, at half the size, or blurred are within it; the smallest distance in 300,000 pairs of
different portraits is 32."""

BANDS = 16
"""Bands of a hash. Two hashes that differ in at most RADIUS bits are equal in at least one of RADIUS + 1 bands."""

CHUNK = 2**16
"""Candidate pairs that are compared at a time; this many fit into the processor's cache."""

BLOCK = 2**12
"""Hashes whose bits are shuffled at a time."""

_SHUFFLED = np.random.default_rng(0).permutation(256)
"""Order of bits in which each band samples the whole image. A band of background alone would match many images."""


def hash_words(hashes: Sequence[str]) -> Words:
    """Convert hashes of 64 hex digits to 64-bit words, [n, 4]."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint64).reshape(-1, 4)


def _shuffled(hashes: Words) -> Words:
    """The hashes with their bits in the order of `_SHUFFLED`; distances between them stay the same."""
    shuffled = np.empty((len(hashes), 4), np.uint64)
    for first in range(0, len(hashes), BLOCK):  # the bits take eight times the memory of the hashes
        block = np.ascontiguousarray(hashes[first : first + BLOCK])
        bits = np.unpackbits(block.view(np.uint8), axis=1)[:, _SHUFFLED]
        shuffled[first : first + BLOCK] = np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint64)
    return shuffled


class HashIndex:
    """Exact search for the hashes within RADIUS bits of a query by multi-index hashing (Norouzi, Punjani and Fleet
    2012, arXiv 1307.2982).

    It keeps the hashes alone, 32 bytes each: a search sorts one band at a time, which takes 1 ms for 100,000 hashes.
    """

    def __init__(self, hashes: Words) -> None:
        """`hashes` are [n, 4] words."""
        self._hashes = _shuffled(hashes)

    def _candidates(self, queries: Words) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Yield pairs of positions (query, hash) that are equal in a band, about CHUNK pairs at a time."""
        of_hashes, of_queries = self._hashes.view(np.uint16), queries.view(np.uint16)
        for band in range(BANDS):
            order = np.argsort(of_hashes[:, band], kind="stable")
            ordered = of_hashes[order, band]
            left = np.searchsorted(ordered, of_queries[:, band], "left")
            counts = np.searchsorted(ordered, of_queries[:, band], "right") - left
            ends = np.cumsum(counts)
            first = 0
            while first < len(queries):
                taken = ends[first - 1] if first else 0
                last = max(first + 1, int(np.searchsorted(ends, taken + CHUNK, "right")))
                some = counts[first:last]
                rows = np.repeat(np.arange(first, last), some)
                places = np.arange(len(rows)) - np.repeat(np.cumsum(some) - some, some) + left[rows]
                yield rows, order[places]
                first = last

    def nearest(self, queries: Words) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Find the nearest hash within RADIUS of each query.

        Args:
            queries: words, [n, 4].

        Returns:
            The position of the nearest hash, the first one if several are equally near, and its distance in bits;
            -1 if there is none.
        """
        queries = _shuffled(queries)
        far = np.iinfo(np.int64).max
        best = np.full(len(queries), far)
        for rows, found in self._candidates(queries):
            bits = np.zeros(len(rows), np.int64)
            for word in range(queries.shape[1]):  # the first word already excludes most pairs
                bits += np.bitwise_count(queries[rows, word] ^ self._hashes[found, word])
                near = bits <= RADIUS
                rows, found, bits = rows[near], found[near], bits[near]
            # one number holds distance and position, so the minimum is the first of the nearest hashes
            np.minimum.at(best, rows, bits * len(self._hashes) + found)
        none = best == far
        size = max(1, len(self._hashes))
        return np.where(none, -1, best % size), np.where(none, -1, best // size)
