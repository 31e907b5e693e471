"""Faces kept as they are stored: the same pixels as decoded at once, at a fraction of the memory."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from faces_for_training import encoded, stored
from unseen.core.errors import UserError
from unseen.data.pictures import Crops, decode_crop, decode_crops, load_crops, load_faces, stream
from unseen.data.shards import FaceSet
from unseen.data.splits import Split

COLUMNS = ("id", "label", "source", "attributes")


def picture(number: int, size: int = 24) -> bytes:
    """A JPEG of a smooth picture of its own."""
    slope = np.linspace(0, 200, size)
    values = slope[:, None, None] * np.random.default_rng(number).uniform(0, 1, 3) + slope[:, None] / 4
    return encoded(values.astype(np.uint8), quality=90)


@pytest.fixture
def sets(tmp_path: Path) -> list[FaceSet]:
    """Twenty reals and ten fakes, every fifth of which is for validation."""
    found = []
    for name, count, generator in (("people", 20, ""), ("own", 10, "dcgan")):
        splits: list[Split] = ["val" if number % 5 == 0 else "train" for number in range(count)]
        files = [picture(number + (100 if generator else 0)) for number in range(count)]
        found.append(stored(tmp_path / name, files, [f"p{n}" for n in range(count)], splits, generator=generator))
    return found


def test_crops_are_the_pixels_and_columns_of_load(sets: list[FaceSet]) -> None:
    whole, crops = load_faces(sets, ["train"], COLUMNS), load_crops(sets, ["train"], COLUMNS)
    assert len(crops) == len(whole) == 16 + 8
    assert crops.columns == whole.columns
    assert crops.columns["id"][:2] == ["people/0001.jpg", "people/0002.jpg"]
    assert dict(crops.columns["attributes"][0]) == {"number": "1"}  # type: ignore[call-overload]
    assert np.array_equal(crops.pixels, whole.pixels)
    assert np.array_equal(crops.labels, [0] * 16 + [1] * 8)
    assert crops.counts("source") == {"own": 8, "people": 16}


def test_crops_take_rows_in_the_order_asked_for(sets: list[FaceSet]) -> None:
    whole, crops = load_faces(sets, ["train"]), load_crops(sets, ["train"], ["label"])
    rows = [5, 0, 23, 5]
    assert np.array_equal(crops.take(rows), whole.pixels[rows])
    assert np.array_equal(crops.take(np.asarray(rows)), whole.take(rows))
    with ThreadPoolExecutor(3) as threads:
        assert np.array_equal(crops.take(iter(rows), threads), whole.pixels[rows])
        assert np.array_equal(whole.take(rows, threads), whole.pixels[rows])


def test_some_of_some_crops_are_the_rows_asked_for(sets: list[FaceSet]) -> None:
    whole, crops = load_faces(sets, ["train"], COLUMNS), load_crops(sets, ["train"], COLUMNS)
    some = crops.only([9, 2, 20, 4]).only([3, 0, 1])
    assert np.array_equal(some.take([1, 0, 2, 2]), whole.pixels[[9, 4, 2, 2]])
    assert some.columns["id"] == [whole.columns["id"][row] for row in (4, 9, 2)]
    assert len(some) == 3
    assert some.fingerprint() == crops.only([4, 9, 2]).fingerprint() != crops.only([9, 4, 2]).fingerprint()
    assert crops.only(range(24)) is crops, "nothing is copied where all are kept"
    assert crops.only([]).pixels.shape == (0, 0, 0, 3)


def test_equal_texts_of_crops_are_one_object(sets: list[FaceSet]) -> None:
    crops = load_crops(sets, ["train"], COLUMNS)
    assert len({id(source) for source in crops.columns["source"]}) == 2


def test_taken_pictures_are_copies(sets: list[FaceSet]) -> None:
    for faces in (load_faces(sets, ["train"]), load_crops(sets, ["train"], ["label"])):
        before = faces.take([3])
        faces.take([3])[:] = 0
        assert np.array_equal(faces.take([3]), before)


def test_a_split_without_rows_has_no_pictures(sets: list[FaceSet]) -> None:
    crops = load_crops(sets, ["test"], ["label"])
    assert len(crops) == 0
    assert crops.columns == {"label": []}
    assert crops.pixels.shape == load_faces(sets, ["test"]).pixels.shape == (0, 0, 0, 3)


def test_decoded_by_threads_or_not_crops_are_the_same() -> None:
    jpegs = [picture(number) for number in range(30)]
    plain = decode_crops(jpegs)
    assert np.array_equal(plain, np.stack([decode_crop(jpeg) for jpeg in jpegs]))
    with ThreadPoolExecutor(4) as threads:
        assert np.array_equal(decode_crops(jpegs, threads), plain)


def test_a_crop_of_another_size_is_an_error_and_not_a_picture() -> None:
    with (
        ThreadPoolExecutor(2) as threads,
        pytest.raises(UserError, match="different sides, 24 x 24 and 32 x 32 pixels"),
    ):
        decode_crops([picture(1), picture(2, 32)], threads)


def test_stream_gives_all_in_stored_order_a_few_at_a_time(sets: list[FaceSet]) -> None:
    parts = list(stream(sets, ["train", "val"], ["id"], 7))
    assert [len(part) for part in parts] == [7, 7, 6, 7, 3], "no part has faces of two sets"
    names = [name for part in parts for name in part.columns["id"]]
    assert names == [f"{name}/{n:04d}.jpg" for name, count in (("people", 20), ("own", 10)) for n in range(count)]
    assert np.array_equal(np.concatenate([part.pixels for part in parts]), load_faces(sets, ["train", "val"]).pixels)


def test_crops_take_little_memory(tmp_path: Path) -> None:
    files = [picture(number, 128) for number in range(200)]
    stored_bytes, pixel_bytes = sum(map(len, files)), 200 * 128 * 128 * 3
    assert pixel_bytes > 10 * stored_bytes
    face_set = stored(tmp_path / "large", files, [f"p{n}" for n in range(200)], ["train"] * 200)
    tracemalloc.start()
    try:
        crops = load_crops([face_set], ["train"], ["label"])
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for start in range(0, 200, 20):
            crops.take(range(start, start + 20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(crops, Crops)
    assert held < 200 * 200 < stored_bytes / 3, "a little for each face, and its bytes in a file"
    assert peak - held < 3 * 20 * 128 * 128 * 3, "of pixels, what is asked for"


def test_loaded_faces_are_in_memory_once(tmp_path: Path) -> None:
    count, size = 4000, 64
    files = [picture(number, size) for number in range(8)] * (count // 8)
    face_set = stored(tmp_path / "many", files, [f"p{n}" for n in range(count)], ["train"] * count)
    tracemalloc.start()
    try:
        faces = load_faces([face_set], ["train"], ["source"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(faces) == count
    assert np.array_equal(faces.pixels[-8:], faces.pixels[:8])
    batches = 3 * 1024 * size * size * 3  # one that is copied, and one or two that are decoded meanwhile
    assert peak < faces.pixels.nbytes + batches < 2 * faces.pixels.nbytes
