"""What becomes of a batch of reals: prompts, seeds, tries, the gate, and the record of each picture."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import nn

from diffusion.fakes.stub import RECORD, Marker, maker, reals
from faces_for_training import OrlFaces
from unseen.core.errors import UserError
from unseen.data.face_rows import SCHEMA, Dropped, FaceRow
from unseen.data.pictures import Pixels
from unseen.diffusion.fakes.gate import Gate
from unseen.diffusion.fakes.settings import GramSettings
from unseen.faces.detect import FaceDetector
from unseen.faces.settings import FaceSettings


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, orl_faces: OrlFaces) -> list[FaceRow]:
    of = reals(tmp_path_factory.mktemp("reals"), orl_faces)
    (batch,) = of.batches(["train", "val", "test"], SCHEMA.names, 100)
    return [FaceRow.from_record(record) for record in batch.to_pylist()]


class Brightness(Gate):
    """The distance is the brightness of the first pixel, so a stub decides which tries are accepted."""

    def __init__(self, **knobs: Any) -> None:
        super().__init__(GramSettings(threshold=100.0, **knobs), nn.Identity(), 100.0)

    def distances(self, reals: Sequence[Pixels], made: Sequence[Pixels]) -> list[float]:
        return [float(pixels[0, 0, 0]) for pixels in made]


def marked(*values: int) -> Marker:
    """Sets the first pixel of the first, second, ... try."""

    def change(attempt: int, face: Pixels) -> Pixels:
        face[0, 0] = values[attempt]
        return face

    return Marker(change)


def outcomes(found: Sequence[Any]) -> list[FaceRow]:
    assert all(isinstance(one.outcome, FaceRow) for one in found), found
    return [one.outcome for one in found]


def test_a_fake_inherits_from_its_real_and_keeps_its_record(
    rows: list[FaceRow], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    painter = Marker()
    captions = {f"orl/{row.path}": {"caption": f"man {i}", "mood": "glad"} for i, row in enumerate(rows)}
    prompt = "{caption}, {mood}, number {number}"
    made = maker(face_detector, face_settings, painter, None, captions, prompt=prompt)
    found = outcomes(made.batch(rows))
    assert len(painter.calls) == 1
    assert len(set(painter.calls[0][1])) == len(rows)
    for i, (fake, real) in enumerate(zip(found, rows, strict=True)):
        assert (fake.identity, fake.split, fake.label, fake.generator) == (real.identity, real.split, 1, "tiny")
        assert (fake.source, fake.path) == ("fakes", f"orl/{real.path}")
        assert fake.attributes == {
            "number": str(i),
            "made_of": f"orl/{real.path}",
            "prompt": f"man {i}, glad, number {i}",
            "seed": str(painter.calls[0][1][i]),
            "revision": "abc",
            "retries": "0",
            **RECORD,
        }
    assert all(one.distances == () for one in made.batch(rows[:2]))


def test_a_fake_depends_on_its_real_alone(
    rows: list[FaceRow], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    together = maker(face_detector, face_settings, Marker()).batch(rows)
    alone = [maker(face_detector, face_settings, Marker()).batch([row])[0] for row in reversed(rows)]
    assert together == alone[::-1]


def test_the_real_decides_the_jpeg_quality(
    rows: list[FaceRow], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    def tables(mode: str) -> dict[str, object]:
        made = maker(face_detector, face_settings, Marker(), mode=mode).batch(rows)
        faces = [one.outcome for one in made if isinstance(one.outcome, FaceRow)]
        assert len(faces) > 10
        return {one.path: Image.open(io.BytesIO(one.jpeg)).quantization for one in faces}  # type: ignore

    whole, found = tables("image_to_image"), tables("text_to_image")
    assert len({str(one) for one in whole.values()}) > 5
    assert all(whole[path] == found[path] for path in found.keys() & whole.keys())


def test_a_far_picture_is_made_again_with_the_sentence(
    rows: list[FaceRow], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    painter = marked(150, 120, 90)
    made = maker(
        face_detector, face_settings, painter, Brightness(retries=3, sentence="Again."), prompt="A face"
    ).batch(rows[:3])
    assert [prompts for prompts, _ in painter.calls] == [["A face"] * 3, *[["A face. Again."] * 3] * 2]
    assert len({seed for _, seeds in painter.calls for seed in seeds}) == 9
    assert [one.distances for one in made] == [(150.0, 120.0, 90.0)] * 3
    for i, fake in enumerate(outcomes(made)):
        assert (fake.attributes["retries"], fake.attributes["gram_distance"]) == ("2", "90")
        assert fake.attributes["prompt"] == "A face. Again."
        assert fake.attributes["seed"] == str(painter.calls[2][1][i])


def test_the_nearest_try_is_kept_or_given_up(
    rows: list[FaceRow], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    kept = maker(face_detector, face_settings, marked(180, 130, 150), Brightness()).batch(rows[:2])
    assert [fake.attributes["gram_distance"] for fake in outcomes(kept)] == ["130", "130"]
    dropped = maker(face_detector, face_settings, marked(180, 130, 150), Brightness(keep="drop")).batch(rows[:2])
    assert [one.outcome for one in dropped] == [
        Dropped(f"orl/{row.path}", "gram_distance", "after 3 tries") for row in rows[:2]
    ]
    accepted = maker(face_detector, face_settings, marked(80, 1, 1), Brightness(keep="drop")).batch(rows[:2])
    assert [one.distances for one in accepted] == [(80.0,)] * 2


def test_only_what_is_far_is_made_again(
    rows: list[FaceRow], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    count = iter([150, 50, 150, 50, 50])

    def change(attempt: int, face: Pixels) -> Pixels:
        face[0, 0] = next(count)
        return face

    painter = Marker(change)
    made = maker(face_detector, face_settings, painter, Brightness()).batch(rows[:3])
    assert [len(seeds) for _, seeds in painter.calls] == [3, 2]
    assert [one.distances for one in made] == [(150.0, 50.0), (50.0,), (150.0, 50.0)]


def test_no_black_and_no_flagged_picture_is_kept(
    rows: list[FaceRow], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    black = maker(face_detector, face_settings, Marker(lambda attempt, face: np.zeros_like(face)))
    assert [one.outcome.reason for one in black.batch(rows[:2]) if isinstance(one.outcome, Dropped)] == ["black"] * 2
    unsafe = maker(face_detector, face_settings, Marker(lambda attempt, face: None))
    assert [one.outcome.reason for one in unsafe.batch(rows[:2]) if isinstance(one.outcome, Dropped)] == [
        "unsafe"
    ] * 2
    # With a gate it is a try that is not accepted, whatever its distance.
    painter = Marker(lambda attempt, face: face if attempt else None)
    again = maker(face_detector, face_settings, painter, Brightness(retries=1)).batch(rows[:2])
    assert [one.distances[0] for one in again] == [np.inf] * 2
    assert [fake.attributes["retries"] for fake in outcomes(again)] == ["1", "1"]


def test_a_made_picture_without_a_face_is_dropped(
    rows: list[FaceRow], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    grey = maker(face_detector, face_settings, Marker(lambda attempt, face: np.full_like(face, 128)))
    assert [one.outcome.reason for one in grey.batch(rows[:2]) if isinstance(one.outcome, Dropped)] == ["no_face"] * 2


def test_a_face_without_caption_is_one_line(
    rows: list[FaceRow], face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    missing = maker(face_detector, face_settings, Marker(), None, {"orl/x": {"caption": "a"}}, prompt="{caption}")
    with pytest.raises(UserError, match=r"orl/0000.jpg: no `caption` for the prompt"):
        missing.batch(rows[:1])
    missing.settings = missing.settings.model_copy(update={"captions": "blip"})
    with pytest.raises(UserError, match=r"orl/0000.jpg: no row in the captions `blip`; make them of the same faces"):
        missing.batch(rows[:1])
