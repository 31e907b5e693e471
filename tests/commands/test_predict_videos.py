"""`unseen predict` on videos: a line for each face that is followed, and a line for what can't be read."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serve.test_predict import make_artifact
from unseen.core.json_files import read_json
from unseen.faces.settings import FaceSettings
from unseen.gate.limits import FILE, Limits

from .program import run

av = pytest.importorskip("av", reason="videos need PyAV")


@pytest.fixture
def detector(tmp_path: Path, face_detector_model: bytes, face_settings: FaceSettings) -> Path:
    return make_artifact(tmp_path / "models" / "drawn", face_detector_model, face_settings)


@pytest.fixture
def clip(tmp_path: Path, orl_pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two seconds of a face that moves to the right, and then half a second of nothing."""
    face = Image.open(io.BytesIO(next(iter(orl_pictures.values())))).convert("RGB")
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, bit_rate=2_000_000)
        stream.width, stream.height, stream.pix_fmt = 192, 128, "yuv420p"
        for number in range(25):
            canvas = Image.new("RGB", (192, 128), (90, 90, 90))
            if number < 20:
                canvas.paste(face, (10 + 2 * number, 8))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(canvas), format="rgb24")))
        container.mux(stream.encode())
    monkeypatch.chdir(tmp_path)
    return Path("clip.mp4")


def test_a_face_that_moves_is_one_line(capsys: pytest.CaptureFixture[str], detector: Path, clip: Path) -> None:
    code, out, _ = run(capsys, "predict", "--detector", detector, clip)
    assert code == 0
    assert out[1].startswith("# clip.mp4: 13 frames of 2.4 s; TPR and FPR are not known for videos")
    line = r"clip\.mp4  [01]\.\d\d  (fake|unsure|not flagged) +\d+,\d+ \d+x\d+  0\.0 to 1\.8 s, mean of 10 frames"
    assert re.fullmatch(line, out[2].removesuffix("  in_band"))
    assert len(out) == 3


def test_its_score_is_that_of_the_mean_logit(capsys: pytest.CaptureFixture[str], detector: Path, clip: Path) -> None:
    code, out, _ = run(capsys, "predict", "--json", "--frames-per-second", "10", "--detector", detector, clip)
    assert code == 0
    _, video, track = (json.loads(line) for line in out)
    assert (video["type"], video["frames"], video["error"]) == ("video", 25, "")
    assert (track["type"], track["frames"]) == ("track", 20)
    temperature = read_json(detector / "detector.json")["calibration"]["temperature"]
    assert track["calibrated_logit"] == pytest.approx(track["logit"] / temperature)
    assert track["score"] == pytest.approx(1 / (1 + np.exp(-track["calibrated_logit"])))


def test_what_is_no_video_is_a_line(capsys: pytest.CaptureFixture[str], detector: Path, clip: Path) -> None:
    Path("b.mp4").write_bytes(b"no video")
    code, out, _ = run(capsys, "predict", "--detector", detector, "b.mp4", clip)
    assert code == 1
    assert out[1].startswith("b.mp4     -  unreadable: is not a video, or is damaged")
    assert out[2].startswith("# clip.mp4: 13 frames")


def test_a_video_has_no_row_in_a_table(capsys: pytest.CaptureFixture[str], detector: Path, clip: Path) -> None:
    code, _, err = run(capsys, "predict", "--csv", "a.csv", "--detector", detector, clip)
    assert code == 2
    assert "clip.mp4: videos can't be written to these files" in err[0]
    assert not Path("a.csv").exists()


def test_the_gate_holds_for_a_video_as_for_a_photo(
    capsys: pytest.CaptureFixture[str], detector: Path, clip: Path
) -> None:
    limits = Limits(0.0, 9.0, 5000.0, 9.0, {"reals": 9, "fakes": 9}, {"reals": 0.0, "fakes": 0.0})
    (detector / FILE).write_text(json.dumps(limits.as_dict()))
    _, out, _ = run(capsys, "predict", "--detector", detector, clip)
    assert re.search(r"  unsure  .*, mean of 10 frames  small_face$", out[2])
    _, out, _ = run(capsys, "predict", "--no-gate", "--detector", detector, clip)
    assert "small_face" not in out[2]
