"""Crops in a temporary file are what was put in, also for many threads, and leave nothing behind."""

import errno
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from unseen.core.shortages import shortage_of
from unseen.data.crop_file import CropFile


def filled(count: int) -> tuple[CropFile, list[bytes]]:
    jpegs = [bytes([number % 251]) * (number % 17) for number in range(count)]
    crops = CropFile()
    for start in range(0, count, 64):
        crops.extend(jpegs[start : start + 64])
    return crops, jpegs


def test_crops_come_back_in_any_order() -> None:
    crops, jpegs = filled(300)
    assert len(crops) == 300
    assert list(crops) == jpegs
    assert [crops[row] for row in (299, 0, 17, 17)] == [jpegs[row] for row in (299, 0, 17, 17)]
    assert crops[-1] == jpegs[-1]
    assert crops[5:9] == jpegs[5:9]
    with pytest.raises(IndexError):
        crops[300]


def test_crops_are_added_after_some_were_read() -> None:
    crops, jpegs = filled(10)
    assert crops[2] == jpegs[2]
    crops.extend([b"more"])
    assert list(crops) == [*jpegs, b"more"]


def test_many_threads_read_at_once() -> None:
    crops, jpegs = filled(500)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(crops.__getitem__, [*range(500)] * 8)) == jpegs * 8


def test_the_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    crops, jpegs = filled(100)
    assert list(tmp_path.iterdir()) == []
    assert list(crops) == jpegs


def test_a_full_disk_names_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(prefix: str) -> IO[bytes]:
        return open("/dev/full", "w+b", buffering=0)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(OSError, match="No space left") as caught:
        CropFile().extend([b"some"])
    assert caught.value.errno == errno.ENOSPC
    found = shortage_of(caught.value)
    assert found is not None
    assert found.file == str(tmp_path)
