"""The index finds what comparing everything with everything finds, and a hash knows a copy of its picture."""

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter

from unseen.evaluation import duplicates
from unseen.evaluation.duplicates import RADIUS, HashIndex, Words, hash_words
from unseen.faces.preprocess import difference_hash

Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def distances(queries: Words, hashes: Words) -> npt.NDArray[np.int64]:
    """Bits between all and all, [queries, hashes]."""
    return np.bitwise_count(queries[:, None] ^ hashes[None]).sum(2).astype(np.int64)


def by_brute_force(hashes: Words, queries: Words) -> Found:
    bits = distances(queries, hashes)
    nearest = bits.argmin(1)  # the first of equally near ones
    least = bits[np.arange(len(queries)), nearest]
    return np.where(least <= RADIUS, nearest, -1), np.where(least <= RADIUS, least, -1)


def drawn(seed: int, count: int) -> Words:
    return np.random.default_rng(seed).integers(0, 2**64, (count, 4), np.uint64)


def flipped(hashes: Words, counts: npt.NDArray[np.int64], seed: int) -> Words:
    """Hashes [n, 4] with `counts` [n] of their bits turned over, wherever they lie."""
    random = np.random.default_rng(seed)
    bits = np.unpackbits(np.ascontiguousarray(hashes).view(np.uint8), axis=1)
    for row, count in zip(bits, counts, strict=True):
        row[random.permutation(256)[:count]] ^= 1
    return np.packbits(bits, axis=1).view(np.uint64)


def clusters(seed: int) -> Words:
    """Twenty families of 15 near relatives, 0 to 20 bits from their head."""
    heads = drawn(seed, 20).repeat(15, 0)
    return flipped(heads, np.random.default_rng(seed).integers(0, 21, len(heads)), seed)


def flat(seed: int) -> Words:
    """As of pictures with one plain background: three quarters of the bits are zero in all of them."""
    bits = np.random.default_rng(seed).integers(0, 2, (300, 256)).astype(np.uint8)
    bits[:, :192] = 0
    return np.packbits(bits, axis=1).view(np.uint64)


HASHES: dict[str, Words] = {
    "random": drawn(1, 400),
    "clustered": clusters(2),
    "flat": flat(3),
    "equal": drawn(4, 1).repeat(200, 0),
    "zero": np.zeros((200, 4), np.uint64),
    "one": drawn(5, 1),
    "none": hash_words([]),
}


def assert_same(found: Found, wanted: Found) -> None:
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_array_equal(found[1], wanted[1])


@pytest.mark.parametrize("piece", [1, 7, duplicates.CHUNK])
@pytest.mark.parametrize("kind", HASHES)
def test_nearest_is_what_brute_force_finds(kind: str, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "CHUNK", piece)
    hashes = HASHES[kind]
    near = flipped(hashes[:60], np.arange(len(hashes[:60])) % 24, 6)
    queries = np.concatenate([near, hashes[:20], drawn(7, 20), np.zeros((2, 4), np.uint64), clusters(2)[::9]])
    wanted = by_brute_force(hashes, queries) if len(hashes) else (np.full(len(queries), -1),) * 2
    assert_same(HashIndex(hashes).nearest(queries), wanted)


@pytest.mark.parametrize("kind", HASHES)
def test_of_no_queries_nothing_is_found(kind: str) -> None:
    positions, bits = HashIndex(HASHES[kind]).nearest(hash_words([]))
    assert (len(positions), len(bits)) == (0, 0)


def test_every_copy_within_the_radius_is_found_and_none_beyond() -> None:
    hashes = drawn(8, 3000)
    counts = np.arange(3000) % (2 * RADIUS + 2)
    positions, bits = HashIndex(hashes).nearest(flipped(hashes, counts, 9))
    within = counts <= RADIUS
    np.testing.assert_array_equal(positions[within], np.arange(3000)[within])
    np.testing.assert_array_equal(bits[within], counts[within])
    assert set(positions[~within]) == set(bits[~within]) == {-1}


def test_a_copy_that_differs_in_all_parts_but_one_is_found() -> None:
    """The worst case: each of the RADIUS bits lies in another part."""
    bits = np.zeros((2, 256), np.uint8)
    bits[0, duplicates._SHUFFLED[: RADIUS * 16 : 16]] = 1
    bits[1, duplicates._SHUFFLED[::16]] = 1
    positions, least = HashIndex(np.zeros((1, 4), np.uint64)).nearest(np.packbits(bits, axis=1).view(np.uint64))
    assert positions.tolist() == [0, -1], "the second has one bit more, in the last part"
    assert least.tolist() == [RADIUS, -1]


def test_of_equally_near_hashes_the_first_is_named() -> None:
    one = drawn(10, 1)
    near = flipped(one.repeat(4, 0), np.asarray([5, 3, 3, 3]), 11)
    positions, bits = HashIndex(np.concatenate([drawn(12, 50), near])).nearest(one)
    assert (positions.tolist(), bits.tolist()) == ([51], [3])


def test_words_keep_every_bit() -> None:
    digits = ["0" * 63 + "1", "f" * 64, "80" + "0" * 62]
    assert np.bitwise_count(hash_words(digits)).sum(1).tolist() == [1, 256, 1]
    assert distances(hash_words(digits[:1]), hash_words(digits[2:])).tolist() == [[2]]
    assert hash_words([]).shape == (0, 4)


def hash_of(picture: Image.Image) -> Words:
    return hash_words([difference_hash(picture.convert("RGB"))])


def saved_again(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=40)
    return Image.open(io.BytesIO(buffer.getvalue()))


def doubled(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.BICUBIC)


def halved(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1))


@pytest.mark.parametrize(
    ("copied", "share"),
    # These pictures have 92 x 112 pixels: halved, a cell of the hash's grid is 2.7 x 3.5 pixels, and noise decides
    # where a background rises. Of 400 such copies 0.64 are found.
    [(saved_again, 0.95), (doubled, 1.0), (blurred, 0.95), (halved, 0.5)],
)
def test_a_copy_of_a_real_picture_is_known(
    orl_pictures: dict[str, bytes], copied: Callable[[Image.Image], Image.Image], share: float
) -> None:
    pictures = [Image.open(io.BytesIO(data)) for data in orl_pictures.values()]
    index = HashIndex(np.concatenate([hash_of(picture) for picture in pictures]))
    positions, _ = index.nearest(np.concatenate([hash_of(copied(picture)) for picture in pictures]))
    known = positions == np.arange(len(pictures))
    assert known.mean() >= share
    assert set(positions[~known]) <= {-1}, "never taken for somebody else"


def test_pictures_of_different_people_lie_apart(orl_pictures: dict[str, bytes]) -> None:
    hashes = np.concatenate([hash_of(Image.open(io.BytesIO(data))) for data in orl_pictures.values()])
    bits = distances(hashes, hashes)
    assert bits[np.triu_indices(40, 1)].min() > 4 * RADIUS
