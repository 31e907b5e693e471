"""The speed of detectors: of one that is known to be slow, of operations counted by hand, on faces that are found."""

import io
import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from faces_for_training import OrlFaces, encoded, stored
from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.core.settings import validated
from unseen.data.shards import FaceSet
from unseen.detectors.kinds import dct_logistic
from unseen.detectors.shared.artifact import TrainedDetector, save_detector
from unseen.detectors.shared.base import Detector
from unseen.faces.detect import FaceDetector
from unseen.faces.settings import FaceSettings
from unseen.serve.torch_network import open_detector
from unseen.speed import speed
from unseen.speed.settings import SpeedSettings
from unseen.speed.speed import energy_counted, flops, framed, measure_speed, network_side, stored_crops, timed

CPU = torch.device("cpu")
SETTINGS = SpeedSettings(set="people", batches=[1, 4], seconds=0.01, repeats=3, pictures=6, side=128)
KNOBS = SETTINGS.model_dump()


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_THREADS", "1")
    monkeypatch.setenv("UNSEEN_DEVICE", "cpu")


@pytest.fixture
def opened(
    tmp_path: Path, face_detector_model: bytes, face_settings: FaceSettings
) -> tuple[TrainedDetector, FaceDetector]:
    """A detector of 64 px and its face detector, as a stage opens them."""
    model = dct_logistic.DctLogistic(64)
    model.scale += 1.0
    calibration = Calibration(1.0, 0.5, (0.4, 0.6), 0.05, {})
    card = {"name": "dct", "faces": face_settings.model_dump(), "seed": 4}
    save_detector(tmp_path / "dct", model, "dct_logistic", calibration, face_detector_model, card)
    return open_detector(tmp_path / "dct")


@pytest.fixture
def people(tmp_path: Path, orl_faces: OrlFaces) -> FaceSet:
    """Twelve test people, between others who train."""
    files = [encoded(face, quality=90) for face in orl_faces.large[:24]]
    return stored(tmp_path / "people", files, orl_faces.people[:24], ["train", "test"] * 12)


class Slow(Detector):
    """Takes 20 ms for each call, whatever is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.config = {}

    def forward(self, pixels: Tensor) -> Tensor:
        time.sleep(0.02)
        return pixels.float().mean((1, 2, 3))


def test_a_call_of_20_ms_takes_20_ms() -> None:
    model, pixels = Slow(), torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    found = timed(lambda: model(pixels), 4, validated(SpeedSettings, KNOBS | {"repeats": 7}, ""), CPU)
    assert found["n"] == 7
    assert found["ms_p50"] >= 20
    assert found["ms_p95"] >= found["ms_p50"]
    assert 0 < found["images_per_second"] <= 4 / 0.02


def test_percentiles_and_rate_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of 1, 2, 3 and 4 s until 10 s have passed, on a clock of our own."""
    now = itertools.accumulate([0.0, 1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(now))
    calls: list[int] = []
    knobs = KNOBS | {"repeats": 2, "seconds": 10.0}
    found = timed(lambda: calls.append(1), 8, validated(SpeedSettings, knobs, ""), CPU)
    assert len(calls) == 5  # the first is not counted
    assert found["n"] == 4
    assert found["ms_p50"] == pytest.approx(2500)
    assert found["ms_p95"] == pytest.approx(3850)
    assert found["images_per_second"] == pytest.approx(8 * 4 / 10)


def test_the_way_from_bytes_is_longer_than_the_model(
    opened: tuple[TrainedDetector, FaceDetector], people: FaceSet
) -> None:
    found = measure_speed(*opened, people, SETTINGS)
    rows = {(row["batch"], row["what"]): row for row in found["measured"]}
    assert list(rows) == [(1, "model"), (1, "bytes_to_verdict"), (4, "model"), (4, "bytes_to_verdict")]
    for batch in (1, 4):
        assert rows[batch, "bytes_to_verdict"]["ms_p50"] > 2 * rows[batch, "model"]["ms_p50"] > 0
    assert all(row["device"] == "cpu" and row["n"] >= 3 and row["peak_memory_mb"] > 50 for row in rows.values())
    assert found["parameters"] == opened[0].card["parameters"] == 64 * 64 * 3 + 1
    # two products of 64 x 64 matrices, of a multiplication and an addition each
    assert found["flops"] == 2 * 2 * 64**3
    assert found["side"] == 64
    assert found["pictures"] == {"different": 6, "side": 128}
    assert set(found["machine"]) == {"cpu", "cores", "threads", "gpu", "python", "torch", "system"}
    assert found["machine"]["threads"] == 1


def test_each_call_scores_as_many_faces_as_its_batch(
    opened: tuple[TrainedDetector, FaceDetector], people: FaceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    forward = dct_logistic.DctLogistic.forward

    def counted(self: dct_logistic.DctLogistic, pixels: Tensor) -> Tensor:
        seen.append(len(pixels))
        return forward(self, pixels)

    monkeypatch.setattr(dct_logistic.DctLogistic, "forward", counted)
    measure_speed(*opened, people, validated(SpeedSettings, KNOBS | {"batches": [5], "pictures": 3}, ""))
    assert seen[0] == 3  # the pictures are looked at once, to see that each has one face
    assert set(seen[1:-1]) == {5}
    assert seen[-1] == 1  # whose operations are counted


def test_no_face_is_one_line(opened: tuple[TrainedDetector, FaceDetector], tmp_path: Path) -> None:
    blank = stored(tmp_path / "blank", [encoded(np.full((64, 64, 3), 90, np.uint8))] * 2, ["a", "b"], ["test"] * 2)
    with pytest.raises(UserError, match=r"blank: no face was found .* 128 px; raise `speed.side`"):
        measure_speed(*opened, blank, SETTINGS)


def test_crops_are_of_people_who_train_nothing_and_always_the_same(people: FaceSet, orl_faces: OrlFaces) -> None:
    measurable = [encoded(face, quality=90) for face in orl_faces.large[1:24:2]]
    few = stored_crops(people, 5)
    assert len(few) == 5
    assert set(few) < set(measurable)
    assert few == stored_crops(people, 5)
    assert stored_crops(people, 100) == measurable


def test_the_face_fills_the_middle_half(orl_faces: OrlFaces, face_detector: FaceDetector) -> None:
    picture = Image.open(io.BytesIO(framed(encoded(orl_faces.large[0], quality=90), 256)))
    assert (picture.format, picture.size) == ("JPEG", (256, 256))
    pixels = np.asarray(picture).astype(int)
    outside = np.ones((256, 256), bool)
    outside[56:200, 56:200] = False  # the crop, and the block of JPEG that its edge lies in
    assert np.abs(pixels[outside] - 128).max() <= 1
    assert pixels[64:192, 64:192].std() > 20
    (face,) = face_detector.detect(picture.convert("RGB"))
    left, top, right, bottom = face.box
    assert 56 < left < right < 200
    assert 40 < top < bottom < 216


class Convolved(Detector):
    """A 3 x 3 convolution from 3 to 8 channels that keeps the size, and nothing else that counts."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.convolution(pixels.float()).mean((1, 2, 3))


class Attentive(Detector):
    """Attention over 16 tokens of 4 numbers, one head."""

    def forward(self, pixels: Tensor) -> Tensor:
        tokens = pixels.float().reshape(len(pixels), 1, 16, 4)
        return functional.scaled_dot_product_attention(tokens, tokens, tokens).mean((1, 2, 3))


def test_operations_by_hand() -> None:
    # 2 x (3 x 3 x 3 multiplications and additions) for each of 8 x 16 x 16 values
    one = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    assert flops(Convolved(), one) == 2 * 27 * 8 * 16 * 16 == 110_592
    assert flops(Convolved(), one.repeat(5, 1, 1, 1)) == 5 * 110_592
    # q k', and its product with v: 2 x 16 x 16 x 4 each
    assert flops(Attentive(), torch.zeros(1, 1, 8, 8, dtype=torch.uint8)) == 2 * (2 * 16 * 16 * 4)


def test_operations_that_cannot_be_counted_are_none() -> None:
    assert flops(Slow(), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)) is None


def test_the_side_is_the_networks_or_the_crops() -> None:
    assert network_side({"input_size": 224}, 64) == 224
    assert network_side({"size": 64}, 64) == 64


def _zone(root: Path, name: str, title: str, counted_uj: int) -> None:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, value in (("name", title), ("energy_uj", counted_uj), ("max_energy_range_uj", 10_000_000)):
        (folder / file).write_text(f"{value}\n")


def test_energy_of_a_call_with_a_count_that_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages and a part of one; 2 J and 3 J go by in 5 calls, while the second's count passes 10 J."""
    _zone(tmp_path, "intel-rapl:0", "package-0", 4_000_000)
    _zone(tmp_path, "intel-rapl:1", "package-1", 9_000_000)
    _zone(tmp_path, "intel-rapl:0:0", "core", 1_000_000)
    assert energy_counted(tmp_path) == [(4.0, 10.0), (9.0, 10.0)]
    monkeypatch.setattr(speed, "energy_counted", lambda: energy_counted(tmp_path))

    def calls(*_: object) -> list[float]:
        _zone(tmp_path, "intel-rapl:0", "package-0", 6_000_000)
        _zone(tmp_path, "intel-rapl:1", "package-1", 2_000_000)
        return [0.1] * 5

    monkeypatch.setattr(speed, "_calls", calls)
    assert timed(lambda: None, 1, SETTINGS, CPU)["energy_j"] == pytest.approx((2 + 3) / 5)


def test_energy_that_cannot_be_read_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert energy_counted(tmp_path / "nowhere") is None
    _zone(tmp_path, "intel-rapl:0", "package-0", 1)
    (tmp_path / "intel-rapl:0/energy_uj").unlink()  # as for whoever may not read it
    assert energy_counted(tmp_path) is None
    monkeypatch.setattr(speed, "energy_counted", lambda: energy_counted(tmp_path))
    assert timed(lambda: None, 1, SETTINGS, CPU)["energy_j"] is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batches": []}, "`speed.batches` is []"),
        ({"batches": [0]}, "`speed.batches.0` is 0"),
        ({"batches": [4, 4]}, "`speed.batches` is [4, 4]: a batch size is listed twice"),
        ({"seconds": 0.0}, "`speed.seconds` is 0.0"),
        ({"side": 32}, "`speed.side` is 32"),
        ({"pictures": 0}, "`speed.pictures` is 0"),
        ({"repeats": 2.5}, "`speed.repeats` is 2.5"),
    ],
)
def test_knobs_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        validated(SpeedSettings, KNOBS | changes, "speed")
    assert message in str(refused.value)


def test_batches_rise() -> None:
    assert validated(SpeedSettings, KNOBS | {"batches": [32, 1]}, "speed").batches == [1, 32]
