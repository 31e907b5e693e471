"""The Python API: every kind of input, what it returns, what it refuses, and what `import unseen` costs."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import unseen
from unseen.core.errors import UserError

from .test_predict import SRC, artifact, encoded  # noqa: F401


@pytest.fixture(scope="session")
def detector(artifact: Path) -> unseen.Detector:  # noqa: F811
    """The detector with drawn weights."""
    return unseen.load(artifact, device="cpu")


def test_every_kind_of_input_has_the_same_faces(
    detector: unseen.Detector, tmp_path: Path, portrait: Image.Image
) -> None:
    data = encoded(portrait, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    colours = np.asarray(portrait.convert("RGB"))
    given: list[Any] = [path, str(path), data, bytearray(data), portrait, Image.open(path), colours, colours[:, :, 0]]
    expected = detector.predict(path)
    assert (expected.name, expected.width, expected.height) == (str(path), 92, 112)
    assert expected.sha256 == hashlib.sha256(data).hexdigest()
    (face,) = expected
    for number, one in enumerate(detector.predict(given)):
        assert one.name == (str(path) if number < 2 else f"picture {number}")
        assert [found.box for found in one] == [face.box]
        assert one[0].score == pytest.approx(face.score, abs=1e-9)
    assert detector.predict(portrait).sha256 == hashlib.sha256(colours.tobytes()).hexdigest()


def test_one_a_list_and_an_iterator(detector: unseen.Detector, portrait: Image.Image) -> None:
    data, asked = encoded(portrait, "PNG"), []

    def pictures() -> Iterator[bytes]:
        for number in range(10_000):
            asked.append(number)
            yield data

    assert isinstance(detector.predict(data), unseen.Prediction)
    assert [type(one) for one in detector.predict((data, data))] == [unseen.Prediction] * 2
    assert detector.predict([]) == []
    stream = detector.predict(pictures())
    assert isinstance(stream, Iterator)
    assert next(stream)[0].verdict == detector.predict(data)[0].verdict
    assert len(asked) <= 3 * 32
    stream.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            np.zeros((4, 5, 3), np.float32),
            "picture 0: is an array of float32 [4, 5, 3]; give uint8 [height, width, 3]",
        ),
        (np.zeros((4, 5, 4), np.uint8), "uint8 [4, 5, 4]"),
        (np.zeros((2, 4, 5, 3), np.uint8), "give a list for several pictures"),
        (np.zeros((0, 5), np.uint8), "uint8 [0, 5]"),
        (17, "picture 0: is a int; give a path, bytes, a PIL image or a NumPy array"),
        (None, "is a NoneType"),
        ([b"", 17], "picture 1: is a int"),
    ],
)
def test_what_is_no_picture_is_one_line(detector: unseen.Detector, given: Any, says: str) -> None:
    with pytest.raises(UserError) as caught:
        detector.predict(given)
    assert says in str(caught.value)


def test_a_picture_that_can_not_be_read_is_a_result(detector: unseen.Detector) -> None:
    gone, empty = detector.predict(["gone.jpg", b""])
    assert (gone.name, gone.faces, gone.not_scored[0].reason, len(gone)) == ("gone.jpg", (), "not_found", 0)
    assert empty.not_scored[0].reason == "empty"


def test_a_frame(detector: unseen.Detector, portrait: Image.Image) -> None:
    frame = unseen.to_frame([*detector.predict([portrait, b""])])
    assert list(frame["name"]) == ["picture 0", "picture 1"]
    assert frame["score"].notna().tolist() == [True, False]
    assert frame["error"].fillna("").tolist() == ["", "empty"]
    assert frame["above_threshold"].dtype == "boolean"
    (face,) = detector.predict(portrait)
    assert tuple(frame.loc[0, ["left", "top", "box_width", "box_height"]]) == face.box
    assert list(unseen.to_frame([]).columns) == list(frame.columns)


def test_what_a_detector_says_about_itself(detector: unseen.Detector, artifact: Path) -> None:  # noqa: F811
    assert (detector.name, detector.threshold, detector.unsure) == ("drawn", 0.5, (0.25, 0.75))
    assert detector.card["kind"] == "dct_logistic"
    assert "Threshold 0.5" in detector.scope.scope
    with pytest.raises(UserError, match="nowhere: not found"):
        unseen.load("nowhere")
    with pytest.raises(UserError, match=r"device `gpu`: .*; give cpu"):
        unseen.load(artifact, device="gpu")


def test_import_is_quick() -> None:
    code = (
        "import sys, unseen; heavy = {'torch', 'numpy', 'pandas', 'pyarrow', 'PIL', 'onnxruntime', 'pydantic'};"
        "print(sorted(heavy & set(sys.modules)), 'load' in dir(unseen))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SRC)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[] True"
