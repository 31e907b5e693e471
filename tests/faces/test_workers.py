"""Preprocessing in several processes: the same outcomes in the same order, whatever happens to a process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
from archived import SEED, encoded
from PIL import Image
from pydantic import BaseModel

from unseen.core.errors import UserError
from unseen.data.face_rows import Dropped
from unseen.faces import workers
from unseen.faces.decode import BadPictureError
from unseen.faces.detect import FaceDetector
from unseen.faces.plain_settings import plain
from unseen.faces.preprocess import Crop, preprocess_pictures
from unseen.faces.rules import Facts
from unseen.faces.settings import FaceSettings
from unseen.faces.workers import Job, JobResult, Preprocessing, crops

ROOT = Path(__file__).resolve().parents[2]
Item = Job | Dropped


class DeadlyLimit(int):
    """A limit of pixels that ends the process which holds a picture of 7 x 11 against it."""

    def __lt__(self, other: object) -> bool:
        if other == 7 * 11:
            os._exit(1)
        return int.__lt__(self, other)  # type: ignore[operator]


DEADLY = encoded(Image.new("RGB", (7, 11)))


class KillingLimit(int):
    """A limit of pixels with which the system kills the process, as it does when memory is short."""

    def __lt__(self, other: object) -> bool:
        os.kill(os.getpid(), signal.SIGKILL)
        return False


@pytest.fixture
def preprocessing(face_detector_model: bytes, face_settings: FaceSettings) -> Preprocessing:
    limit = DeadlyLimit(face_settings.max_pixels)
    return Preprocessing(face_detector_model, face_settings.model_copy(update={"max_pixels": limit}), SEED)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "CHUNK", 4)


def job(number: int, data: bytes) -> Job:
    return Job(f"{number:04d}", data, Facts(f"orl/{number}", "train", {"number": str(number)}))


@pytest.fixture
def items(orl_pictures: dict[str, bytes]) -> list[Item]:
    """Faces, pictures without one, and some that were dropped before."""
    files: list[bytes | None] = [*orl_pictures.values()][:18]
    files[3:3] = [None, b"no picture", b""]
    files[9:9] = [None, None, None, None, None]  # more than a chunk
    files += [encoded(Image.new("RGB", (90, 90), "grey")), None]
    return [Dropped(f"{n:04d}", "link") if data is None else job(n, data) for n, data in enumerate(files)]


@pytest.fixture
def expected(items: list[Item], face_detector: FaceDetector, face_settings: FaceSettings) -> list[JobResult]:
    """What comes of each, without any process."""
    return [item if isinstance(item, Dropped) else alone(item, face_detector, face_settings) for item in items]


def alone(item: Job, face_detector: FaceDetector, settings: FaceSettings) -> JobResult:
    (crop,) = preprocess_pictures([item.data], face_detector, settings, SEED, "found")
    return (item, crop) if isinstance(crop, Crop) else Dropped(item.path, crop.reason, crop.detail)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_processes_gives_the_same(
    items: list[Item], expected: list[JobResult], preprocessing: Preprocessing, count: int
) -> None:
    reasons = [outcome.reason for outcome in expected if isinstance(outcome, Dropped)]
    assert set(reasons) == {"link", "empty", "not_an_image", "no_face"}
    assert list(crops(iter(items), preprocessing, count)) == expected


def slowly(outcomes: Iterable[JobResult], at: int) -> Iterator[JobResult]:
    """The outcomes, and at one of them the time in which a process can die unnoticed."""
    for number, outcome in enumerate(outcomes):
        if number == at:
            time.sleep(0.5)
        yield outcome


@pytest.mark.parametrize(
    ("deadly", "count", "slow_at"),
    [([13], 1, 8), ([0], 2, -1), ([14, 15, 20], 2, -1), ([24], 1, -1)],
    ids=["while nobody waits for it", "at once", "several", "at the end"],
)
def test_a_picture_that_crashes_its_process_is_dropped_alone(
    items: list[Item],
    expected: list[JobResult],
    preprocessing: Preprocessing,
    deadly: list[int],
    count: int,
    slow_at: int,
) -> None:
    for place in deadly:
        items.insert(place, job(1000 + place, DEADLY))
        expected.insert(place, Dropped(f"{1000 + place:04d}", "crashed", "the process that read it died"))
    assert list(slowly(crops(iter(items), preprocessing, count), slow_at)) == expected
    assert active_children() == []


def test_a_process_that_is_killed_is_not_the_fault_of_a_picture(
    items: list[Item], face_detector_model: bytes, face_settings: FaceSettings
) -> None:
    """Otherwise faces would be missing from a set that was made when memory was short."""
    settings = face_settings.model_copy(update={"max_pixels": KillingLimit(10_000)})
    with pytest.raises(
        UserError, match="a preprocessing process was killed, as the system does when memory is short"
    ):
        list(crops(iter(items), Preprocessing(face_detector_model, settings, SEED), 1))
    assert active_children() == []


class NoMemoryToUnpickle:
    """A seed that a process can't be given."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (3,)


def test_a_process_that_does_not_start_is_not_the_fault_of_a_picture(
    items: list[Item], face_detector_model: bytes, face_settings: FaceSettings
) -> None:
    preprocessing = Preprocessing(face_detector_model, face_settings, NoMemoryToUnpickle())  # type: ignore[arg-type]
    with pytest.raises(UserError, match="a preprocessing process ended at its start, with code 3; free some memory"):
        list(crops(iter(items), preprocessing, 1))
    assert active_children() == []


def test_a_face_detector_that_can_not_be_loaded_is_an_error(items: list[Item], face_settings: FaceSettings) -> None:
    with pytest.raises(Exception, match=r"(?i)model|protobuf") as caught:
        list(crops(iter(items), Preprocessing(b"no model", face_settings, SEED), 2))
    assert not isinstance(caught.value, BadPictureError)
    assert active_children() == []


@pytest.mark.parametrize("limits", [{"CHUNK": 4}, {"CHUNK": 1000, "CHUNK_BYTES": 4000}], ids=["number", "bytes"])
def test_pictures_are_read_only_a_few_chunks_ahead(
    preprocessing: Preprocessing, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(workers, name, value)
    read = 0

    def endless() -> Iterator[Item]:
        nonlocal read
        while True:
            yield job(read, bytes(1000))
            read += 1

    outcomes = crops(endless(), preprocessing, 1)
    for number in range(20):
        bad = next(outcomes)
        assert isinstance(bad, Dropped)
        assert (bad.path, bad.reason) == (f"{number:04d}", "not_an_image")
        assert read < number + 4 * (workers.CHUNKS_PER_WORKER + 1)
    outcomes.close()  # type: ignore[attr-defined]
    assert active_children() == []


def test_no_pictures_start_no_process(preprocessing: Preprocessing) -> None:
    assert list(crops(iter([]), preprocessing, 2)) == []


ENDLESS = """
import sys, time
from itertools import repeat
from pathlib import Path
from unseen.faces.settings import FaceSettings
from unseen.faces.workers import Preprocessing, crops
from unseen.core.settings import read_block
from unseen.core.errors import UserError
from unseen.data.face_rows import Dropped

model, params = map(Path, sys.argv[1:])
preprocessing = Preprocessing(model.read_bytes(), read_block(params, ["faces"], FaceSettings), 4)
next(crops(repeat(Dropped("x", "link")), preprocessing, 2))
print("going", flush=True)
time.sleep(600)
"""


def test_processes_end_with_their_parent(face_detector_model: bytes, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(face_detector_model)
    command = [sys.executable, "-c", ENDLESS, str(tmp_path / "model"), str(ROOT / "params.yaml")]
    parent = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert parent.stdout
    assert parent.stdout.readline() == b"going\n"
    parent.send_signal(signal.SIGKILL)
    parent.communicate(timeout=20)  # the pipes end when nobody holds them any more
    assert parent.returncode == -signal.SIGKILL


def test_a_process_for_preprocessing_imports_no_readers_of_tables_and_archives() -> None:
    heavy = ["pyarrow", "pandas", "onnx", "torch", "unseen.sources", "unseen.faces.rules"]
    code = f"import sys, unseen.faces.worker; print([name for name in {heavy} if name in sys.modules])"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    assert subprocess.check_output([sys.executable, "-c", code], env=env).strip() == b"[]"


def test_a_chunk_ends_at_its_number_or_bytes_of_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [job(n, bytes(300)) if n % 3 else Dropped(f"{n}", "link") for n in range(20)]
    assert [len(chunk.items) for chunk in workers._chunks(items)] == [4, 4, 4, 4, 4]
    monkeypatch.setattr(workers, "CHUNK_BYTES", 500)
    assert [len(chunk.items) for chunk in workers._chunks(items)] == [3, 3, 3, 3, 3, 3, 2]
    assert [item for chunk in workers._chunks(items) for item in chunk.items] == items


def test_a_process_does_not_import_what_is_slow() -> None:
    """The import of pydantic was nearly half of a process's start."""
    slow = ("pandas", "pyarrow", "pydantic", "torch", "yaml")
    code = f"import sys, unseen.faces.worker; print([name for name in {slow} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8")
    assert found.stdout == "[]\n"


def test_plain_settings_have_the_same_values(face_settings: FaceSettings) -> None:
    found = vars(plain(face_settings))
    values = {name: vars(value) if hasattr(value, "__dict__") else value for name, value in found.items()}
    assert values == face_settings.model_dump()
    assert not any(isinstance(value, BaseModel) for value in found.values())
