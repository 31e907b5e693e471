"""Videos: frames at a rate, tracks by overlap, and one line for what can't be read."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from unseen.core.errors import UserError
from unseen.serve.prediction import Face, Prediction
from unseen.serve.video import Frames, gate_reason, join_tracks, overlap

av = pytest.importorskip("av", reason="videos need PyAV")


def clip(path: Path, frames: int = 20, rate: int = 10) -> Path:
    """A video of grey frames, each lighter than the one before."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = Fraction(1, rate)
        for number in range(frames):
            pixels = np.full((48, 64, 3), 10 * number % 250, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def face(left: int, logit: float = 0.0, top: int = 0) -> Face:
    return Face((left, top, 10, 10), logit, logit, 0.5, False, "not flagged", "", 0.9)


def frame(*faces: Face) -> Prediction:
    return Prediction("frame", faces)


@pytest.mark.parametrize(("rate", "expected"), [(5.0, 10), (2.0, 4), (10.0, 20), (100.0, 20)])
def test_frames_come_at_the_rate(tmp_path: Path, rate: float, expected: int) -> None:
    frames = Frames(clip(tmp_path / "a.mp4"), rate)
    found = list(frames)
    assert len(found) == expected
    assert {pixels.shape for pixels in found} == {(48, 64, 3)}
    assert np.diff([pixels.mean() for pixels in found]).min() > 5, "in order"
    assert list(frames.times) == pytest.approx([number / min(rate, 10.0) for number in range(expected)])


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no video", "is not a video, or is damaged"), (b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n", "not")],
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        list(Frames(tmp_path / "a.mp4", 5.0))
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.mp4: can't be read: No such file"):
        list(Frames(tmp_path / "none.mp4", 5.0))


def test_a_cut_file_gives_its_first_frames(tmp_path: Path) -> None:
    whole = clip(tmp_path / "a.avi", frames=100)
    data = whole.read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 2])
    found = list(Frames(tmp_path / "cut.avi", 10.0))
    assert 0 < len(found) < 100


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (10, 0, 10, 10)) == 0


def test_two_faces_that_move_are_two_tracks() -> None:
    frames = [(number / 5, frame(face(2 * number, 1.0), face(100 - 2 * number, -1.0))) for number in range(10)]
    found = join_tracks(frames)
    assert [[one.logit for one in faces] for _, faces in found] == [[1.0] * 10, [-1.0] * 10]
    assert found[0][0] == [number / 5 for number in range(10)]


def test_one_missed_frame_does_not_end_a_track_and_two_do() -> None:
    once = [(0.0, frame(face(0))), (1.0, frame()), (2.0, frame(face(1)))]
    assert [times for times, _ in join_tracks(once)] == [[0.0, 2.0]]
    twice = [(0.0, frame(face(0))), (1.0, frame()), (2.0, frame()), (3.0, frame(face(1)))]
    assert [times for times, _ in join_tracks(twice)] == [[0.0], [3.0]]


def test_the_nearest_faces_are_joined() -> None:
    frames = [(0.0, frame(face(0, 1.0), face(6, 2.0))), (1.0, frame(face(5, 2.0), face(0, 1.0)))]
    assert [[one.logit for one in faces] for _, faces in join_tracks(frames)] == [[1.0, 1.0], [2.0, 2.0]]


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (["", "", ""], ""),
        (["in_band", "in_band", "small_face"], ""),
        (["degraded", ""], ""),
        (["degraded", "small_face", "small_face", "", ""], "small_face"),
    ],
)
def test_the_gate_leaves_out_a_face_that_is_outside_in_most_frames(reasons: list[str], expected: str) -> None:
    faces = [dataclasses.replace(face(0), verdict="unsure" if why else "not flagged", why=why) for why in reasons]
    assert gate_reason(faces) == expected
