"""Score the faces in a video: frames at a rate, tracks by overlap, and the mean logit of each track.

Needs PyAV. The detectors of this project are trained and evaluated on single photos. Video codecs compress faces in
another way, so TPR and FPR are not known for videos.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unseen.core.errors import UserError
from unseen.serve.prediction import Box, Face, Prediction
from unseen.serve.verdict import IN_BAND, UNSURE, Verdict, verdict_of

if TYPE_CHECKING:
    from unseen.serve.network import LoadedDetector

SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm")
"""File suffixes of videos, in lower case."""

FORMATS = frozenset({"avi", "matroska", "mov", "mp4", "mpeg", "mpegts", "webm"})
"""Allowed container formats. Playlists and scripts are not allowed, because they refer to other files or URLs."""

OVERLAP = 0.3
"""Minimum intersection over union of the boxes of one face in successive frames."""

PATIENCE = 2
"""Number of frames without the face after which its track ends."""

OUTSIDE = "TPR and FPR are not known for videos, because video codecs compress faces in another way"


@dataclass(frozen=True)
class Track:
    """One face over time.

    Attributes:
        start: time of its first frame in seconds.
        end: time of its last frame in seconds.
        frames: number of frames with the face.
        box: its position in the frame with the highest detection score.
        logit: mean of the logits, before the temperature; positive for fake.
        calibrated_logit: the mean divided by the temperature.
        score: the sigmoid of `calibrated_logit`. It is not calibrated for means of several frames.
        above_threshold: whether the score is at or above the frozen threshold.
        verdict: verdict for `score`, as for a face in a photo; `unsure` if the gate rejects most of its faces.
        why: the code of the reason if the verdict is `unsure`, else empty.
    """

    start: float
    end: float
    frames: int
    box: Box
    logit: float
    calibrated_logit: float
    score: float
    above_threshold: bool
    verdict: Verdict
    why: str


@dataclass(frozen=True)
class VideoPrediction:
    """The tracks in a video, sorted by start time.

    Attributes:
        name: the path as given.
        tracks: the faces.
        frames: number of decoded frames.
        seconds: time of the last decoded frame.
        error: why decoding stopped early; empty if it did not.
    """

    name: str
    tracks: tuple[Track, ...]
    frames: int
    seconds: float
    error: str = ""


@dataclass
class _Open:
    """A track that has not ended yet."""

    times: list[float]
    faces: list[Face]
    missed: int = 0


@dataclass
class Frames:
    """The frames of a video at a given rate, decoded one by one during iteration.

    Attributes:
        path: path of the file.
        rate: frames per second of video time; a video with a lower frame rate gives all of its frames.
        times: times in seconds of the frames that were yielded so far, oldest first. The reader removes them.
        error: why decoding stopped early; empty if it did not.
    """

    path: Path
    rate: float
    times: deque[float] = field(default_factory=deque)
    error: str = ""

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield frames, uint8 [height, width, 3] in RGB, upright.

        Raises:
            UserError: the file is not a video, or can't be read.
        """

        import av

        try:
            with self.path.open("rb") as file, av.open(file, options={"protocol_whitelist": ""}) as container:
                if not FORMATS & set(container.format.name.split(",")):
                    raise UserError(f"{self.path}: container format {container.format.name} is not supported")
                if not container.streams.video:
                    raise UserError(f"{self.path}: has no video stream")
                yield from self._decoded(container)
        except OSError as error:  # also the base class of PyAV's file errors
            raise UserError(f"{self.path}: can't be read: {error.strerror or error}") from None
        except (ValueError, av.error.FFmpegError) as error:  # PyAV's errors for damaged and unsupported files
            raise UserError(f"{self.path}: is not a video, or is damaged: {error}") from None

    def _decoded(self, container: Any) -> Iterator[npt.NDArray[np.uint8]]:
        import av

        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        following, decoded = 0.0, container.decode(stream)
        while True:
            try:
                frame = next(decoded, None)
            except av.error.FFmpegError as error:
                self.error = f"decoding stopped after {self.times[-1] if self.times else 0:.1f} s: {error}"
                return
            if frame is None:
                return
            time = float(frame.time or 0.0)
            if time + 1e-6 < following:
                continue
            following = max(following + 1 / self.rate, time)
            self.times.append(time)
            pixels = frame.to_ndarray(format="rgb24")
            yield np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def check_installed() -> None:
    """Raises:
    UserError: PyAV is not installed.
    """
    try:
        import av  # noqa: F401
    except ImportError:
        raise UserError("videos need PyAV; run pip install -e '.[video]'") from None


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (one[2] * one[3] + other[2] * other[3] - width * height)


def join_tracks(frames: Iterable[tuple[float, Prediction]]) -> list[tuple[list[float], list[Face]]]:
    """Join the faces of successive frames to tracks, and return the times and faces of each, sorted by start time.

    Each face of a frame is matched to the last face of a track, in order of decreasing overlap. A face without a
    match starts a track. A track ends after `PATIENCE` frames in a row without a match.
    """
    found: list[_Open] = []
    going: list[_Open] = []
    for time, faces in frames:
        pairs = [
            (overlap(track.faces[-1].box, face.box), at, number)
            for at, track in enumerate(going)
            for number, face in enumerate(faces)
        ]
        joined: set[int] = set()
        continued: set[int] = set()
        for value, at, number in sorted(pairs, reverse=True):
            if value < OVERLAP or at in continued or number in joined:
                continue
            continued.add(at)
            joined.add(number)
            going[at].times.append(time)
            going[at].faces.append(faces[number])
        for at, track in enumerate(going):
            track.missed = 0 if at in continued else track.missed + 1
        new = [_Open([time], [face]) for number, face in enumerate(faces) if number not in joined]
        found += new
        going = [track for track in going if track.missed < PATIENCE] + new
    return [(track.times, track.faces) for track in found]


def gate_reason(faces: Sequence[Face]) -> str:
    """Return the most frequent reason of the gate if it rejects a face in more than half of its frames; empty
    otherwise."""
    reasons = Counter(face.why for face in faces if face.why not in ("", IN_BAND))
    return reasons.most_common(1)[0][0] if 2 * reasons.total() > len(faces) else ""


def predict_video(path: Path, detector: "LoadedDetector", rate: float = 5.0) -> VideoPrediction:
    """Score every face in a video. Apart from a few numbers for each face and frame, memory is constant.

    Args:
        path: path of the video.
        detector: detector of any backend.
        rate: frames per second of video time.

    Raises:
        UserError: the file is not a video, or a logit is not finite.
    """
    from unseen.serve.predict import predict

    frames = Frames(path, rate)
    count, seconds = 0, 0.0

    def timed() -> Iterator[tuple[float, Prediction]]:
        nonlocal count, seconds
        for prediction in predict(frames, detector):
            count, seconds = count + 1, frames.times.popleft()
            yield seconds, prediction

    calibration = detector.calibration
    tracks = []
    for times, faces in join_tracks(timed()):
        logit = float(np.mean([face.logit for face in faces]))
        score = float(calibration.score([logit])[0])
        outside = gate_reason(faces)
        verdict = UNSURE if outside else verdict_of(score, calibration.threshold, calibration.unsure)
        track = Track(
            start=times[0],
            end=times[-1],
            frames=len(faces),
            box=max(faces, key=lambda face: face.detection_score).box,
            logit=logit,
            calibrated_logit=logit / calibration.temperature,
            score=score,
            above_threshold=score >= calibration.threshold,
            verdict=verdict,
            why=outside or (IN_BAND if verdict == UNSURE else ""),
        )
        tracks.append(track)
    return VideoPrediction(str(path), tuple(tracks), count, seconds, frames.error)
