"""`unseen predict` for videos: a line for each face that is tracked through the frames."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unseen.commands.words import count, shown
from unseen.core.errors import UserError
from unseen.serve.verdict import NOT_FLAGGED
from unseen.serve.video import OUTSIDE, SUFFIXES, VideoPrediction, check_installed, predict_video

if TYPE_CHECKING:
    from unseen.serve.api import Detector


def split_videos(paths: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Split paths into pictures, folders and globs on the one hand and videos on the other. Videos in folders are
    skipped."""
    videos = [path for path in paths if path.lower().endswith(SUFFIXES) and Path(path).is_file()]
    return [path for path in paths if path not in videos], [Path(path) for path in dict.fromkeys(videos)]


def as_lines(video: VideoPrediction) -> list[str]:
    """Format one video as lines."""
    name = shown(video.name)
    lines = [f"# {name}: {count(video.frames, 'frame')} of {video.seconds:.1f} s; {OUTSIDE}"]
    if video.error:
        lines.append(f"{name}  {'-':>4}  damaged: {shown(video.error)}")
    if not video.tracks:
        lines.append(f"{name}  {'-':>4}  no_face: no face was found in {count(video.frames, 'frame')}")
    for track in video.tracks:
        left, top, width, height = track.box
        why = f"  {track.why}" if track.why else ""
        lines.append(
            f"{name}  {track.score:.2f}  {track.verdict:{len(NOT_FLAGGED)}}  {left},{top} {width}x{height}  "
            f"{track.start:.1f} to {track.end:.1f} s, mean of {count(track.frames, 'frame')}{why}"
        )
    return lines


def as_json_lines(video: VideoPrediction) -> list[str]:
    """Format one video as JSON lines: an object `video`, then an object `track` for each face."""
    head = {"type": "video", "name": video.name, "frames": video.frames, "seconds": video.seconds, "note": OUTSIDE}
    tracks = [{"type": "track", "name": video.name, **dataclasses.asdict(track)} for track in video.tracks]
    return [json.dumps(one) for one in ({**head, "error": video.error}, *tracks)]


def print_videos(videos: Sequence[Path], detector: "Detector", rate: float, as_json: bool) -> bool:
    """Print the tracks of each video. Return whether each was decoded to its end and has a face.

    Raises:
        UserError: PyAV is not installed.
    """
    if videos:
        check_installed()
    whole = True
    for path in videos:
        try:
            video = predict_video(path, detector.loaded, rate)
        except UserError as error:
            detail = str(error).removeprefix(f"{path}: ")
            refused = {"type": "not_scored", "name": str(path), "error": "unreadable", "detail": detail}
            print(json.dumps(refused) if as_json else f"{shown(str(path))}  {'-':>4}  unreadable: {shown(detail)}")
            whole = False
            continue
        for line in as_json_lines(video) if as_json else as_lines(video):
            print(line, flush=True)
        whole = whole and bool(video.tracks) and not video.error
    return whole
