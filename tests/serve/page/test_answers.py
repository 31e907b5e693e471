"""Answers of a small detector with drawn weights: predictions, limits, heat maps, and damaged files."""

import base64
import io
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.testclient import TestClient

from damaged_pictures import damaged, pictures
from unseen.faces.settings import FaceSettings
from unseen.serve.api import Detector, load
from unseen.serve.page.answers import SIDE, DetectorScorer
from unseen.serve.page.limits import Limits

from ..test_predict import encoded, make_artifact
from .clients import client

UPLOADS = int(os.environ.get("UNSEEN_FUZZ_FILES", "60"))
ALLOWED = {200, 415, 422}
IMAGE = {"Content-Type": "image/png"}


@pytest.fixture(scope="session")
def detector(
    tmp_path_factory: pytest.TempPathFactory, face_detector_model: bytes, face_settings: FaceSettings
) -> Detector:
    """A detector with drawn weights."""
    folder = make_artifact(tmp_path_factory.mktemp("served") / "drawn", face_detector_model, face_settings)
    (folder / "card.md").write_text("# drawn\n", "utf-8")
    return load(folder, device="cpu")


@pytest.fixture(scope="session")
def asked(detector: Detector) -> TestClient:
    """A client of it."""
    limits = Limits(pixels=200_000, faces=2)
    return client(DetectorScorer(detector, limits), limits)


def post(asked: TestClient, data: bytes, query: str = "") -> Any:
    return asked.post(f"/predict{query}", content=data, headers=IMAGE)


def sheet(orl_pictures: dict[str, bytes], faces: int) -> bytes:
    """A picture with several faces."""
    found = Image.new("RGB", (faces * 112, 112), "grey")
    for i, data in enumerate(list(orl_pictures.values())[:faces]):
        found.paste(Image.open(io.BytesIO(data)), (i * 112 + 10, 0))
    return encoded(found, "PNG")


def test_an_answer_is_the_prediction(asked: TestClient, detector: Detector, portrait: Image.Image) -> None:
    data = encoded(portrait, "PNG")
    found, expected = post(asked, data).json(), detector.predict(data)
    (face,) = found["faces"]
    assert face["logit"] == pytest.approx(expected[0].logit, abs=1e-9)
    assert tuple(face["box"]) == expected[0].box
    assert face["verdict"] == expected[0].verdict
    assert (found["width"], found["height"], found["sha256"]) == (92, 112, expected.sha256)
    assert found["threshold"] == detector.threshold
    assert face["heat"] is None


def test_heat_maps_are_pictures_and_change_no_score(asked: TestClient, orl_pictures: dict[str, bytes]) -> None:
    data = sheet(orl_pictures, 2)
    plain, heated = post(asked, data).json()["faces"], post(asked, data, "?heat=1").json()["faces"]
    assert [face["logit"] for face in plain] == [face["logit"] for face in heated]
    drawings = [face["heat"].removeprefix("data:image/png;base64,") for face in heated]
    assert len(set(drawings)) == 2, "each face has its own"
    for drawing in drawings:
        picture = Image.open(io.BytesIO(base64.b64decode(drawing)))
        assert (picture.format, picture.size) == ("PNG", (SIDE, SIDE))


def test_what_the_file_says_of_its_origin_is_beside_the_score(asked: TestClient, portrait: Image.Image) -> None:
    said = PngInfo()
    said.add_text("parameters", "a portrait")
    plain, marked = encoded(portrait, "PNG"), encoded(portrait, "PNG", pnginfo=said)
    found = post(asked, marked).json()
    assert found["provenance"]["texts"] == [{"keyword": "parameters", "bytes": 10}]
    assert found["faces"] == post(asked, plain).json()["faces"]
    assert post(asked, plain).json()["provenance"] is None


def test_too_many_faces_are_refused(asked: TestClient, orl_pictures: dict[str, bytes]) -> None:
    assert post(asked, sheet(orl_pictures, 2)).status_code == 200
    found = post(asked, sheet(orl_pictures, 3))
    assert (found.status_code, found.json()["error"]) == (422, "too_many_faces")
    assert "3 faces" in found.json()["detail"]


def test_too_many_pixels_are_refused_before_they_are_decoded(
    asked: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = encoded(Image.new("L", (600, 600)), "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    found = post(asked, bomb)
    assert (found.status_code, found.json()["error"]) == (422, "too_large")


@pytest.mark.parametrize(
    ("data", "status", "error"),
    [
        (b"", 422, "empty"),
        (b"no picture", 415, "not_an_image"),
        (b"%PDF-1.7", 415, "not_an_image"),
        (b"\xff\x0a and more", 415, "unsupported_format"),
        (b"\x80\x04\x95cposix\nsystem\n", 415, "not_an_image"),
        (b"http://127.0.0.1/a.png", 415, "not_an_image"),
        (b"/etc/passwd", 415, "not_an_image"),
    ],
)
def test_what_is_no_picture_has_a_reason(asked: TestClient, data: bytes, status: int, error: str) -> None:
    found = post(asked, data)
    assert (found.status_code, found.json()["error"]) == (status, error)


def test_a_damaged_picture_has_a_reason(asked: TestClient, portrait: Image.Image) -> None:
    found = post(asked, encoded(portrait, "JPEG")[:900])
    assert (found.status_code, found.json()["error"]) == (422, "damaged")


def test_a_picture_without_a_face_is_an_answer(asked: TestClient) -> None:
    found = post(asked, encoded(Image.new("RGB", (200, 200), "teal"), "PNG"))
    assert found.status_code == 200
    assert found.json()["faces"] == []
    assert found.json()["not_scored"][0]["reason"] == "no_face"


def test_about_has_the_scope_and_the_card(asked: TestClient) -> None:
    found = asked.get("/detector").json()
    assert found["card"] == "# drawn\n"
    assert "does not mean real" in found["scope"]["scope"]
    assert found["limits"]["faces"] == 2
    assert found["heat"] is True
    assert "validation faces" in found["reasons"]["in_band"]
    assert asked.get("/version").json()["kind"] == "dct_logistic"


def test_damaged_files_by_the_thousand(asked: TestClient, orl_pictures: dict[str, bytes], tmp_path: Path) -> None:
    """`UNSEEN_FUZZ_FILES=10000` is the long run, and `benchmarks/serve.py` has its numbers."""
    draw, counts = random.Random(9), Counter[int]()
    files = pictures(orl_pictures, draw)
    for number in range(UPLOADS):
        data = damaged(draw.choice(files), draw)
        found = asked.post("/predict", files={"file": ("a.jpg", data)}) if number % 2 else post(asked, data)
        counts[found.status_code] += 1
        assert found.status_code in ALLOWED, found.text
    assert len(counts) == 3, counts
