"""`unsure` because of the face: which faces, with which reason, and what the gate does not change."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import unseen
from commands.program import run
from unseen.gate.limits import FILE, Limits
from unseen.robustness.changes import CHANGES
from unseen.serve.verdict import REASONS

from .test_predict import SRC, artifact

__all__ = ["artifact"]  # a fixture

WIDE = Limits(0.0, 9.0, 0.0, 9.0, {"reals": 9, "fakes": 9}, {"reals": 0.0, "fakes": 0.0})


def gated(folder: Path, artifact: Path, **limits: float) -> Path:
    """A copy of the detector with limits; those that are not given leave nothing out."""
    shutil.copytree(artifact, folder)
    (folder / FILE).write_text(json.dumps({**WIDE.as_dict(), **limits}))
    return folder


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({}, ""),
        ({"side": 500.0}, "small_face"),
        ({"sharpness": 0.99}, "degraded"),
        ({"blockiness": -9.0}, "degraded"),
        ({"turn": -1.0}, "profile"),
        ({"turn": -1.0, "side": 500.0}, "small_face"),
    ],
)
def test_reason_of_a_face(
    artifact: Path,
    tmp_path: Path,
    portrait: Image.Image,
    limits: dict[str, float],
    why: str,
) -> None:
    (plain,) = unseen.load(artifact).predict(portrait)
    folder = gated(tmp_path / "gated", artifact, **limits)
    (face,) = unseen.load(folder).predict(portrait)
    if why:
        assert (face.verdict, face.why) == ("unsure", why)
    else:
        assert (face.verdict, face.why) == (plain.verdict, plain.why)
    assert (face.logit, face.score, face.above_threshold) == (plain.logit, plain.score, plain.above_threshold)
    assert unseen.load(folder, gate=False).predict(portrait)[0] == plain
    assert face.why in {"", *REASONS}


def test_a_picture_that_was_enlarged_is_degraded(
    artifact: Path,
    tmp_path: Path,
    portrait: Image.Image,
) -> None:
    """Limits between the picture and its enlarged copy."""
    detector = unseen.load(gated(tmp_path / "gated", artifact, sharpness=0.57))
    blurred = CHANGES["resize"](np.asarray(portrait), 0.3)
    assert [face.why for face in detector.predict(portrait)] != ["degraded"]
    assert [face.why for face in detector.predict(blurred)] == ["degraded"]


def test_the_command_prints_the_reason(
    artifact: Path,
    tmp_path: Path,
    portrait: Image.Image,
    capsys: pytest.CaptureFixture[str],
) -> None:
    portrait.save(tmp_path / "a.png")
    folder = gated(tmp_path / "gated", artifact, side=500.0)
    _, out, err = run(capsys, "predict", "--detector", folder, tmp_path / "a.png")
    assert out[1].endswith("  small_face")
    assert "1 unsure" in err[-1]
    _, out, _ = run(capsys, "predict", "--detector", folder, "--no-gate", tmp_path / "a.png")
    assert "small_face" not in out[1]


def test_no_slow_import() -> None:
    """Predictions in ONNX Runtime start in a fraction of a second."""
    heavy = "{'torch', 'pyarrow', 'pandas', 'scipy'}"
    code = f"import sys, unseen.serve.gate; print({heavy} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, encoding="utf-8", env=environment
    )
    assert done.stdout.strip() == "set()"


def test_several_faces_are_a_note_and_not_a_reason(
    artifact: Path,
    portrait: Image.Image,
) -> None:
    """Group photos are normal."""
    both = Image.new("RGB", (184, 112))
    both.paste(portrait, (0, 0))
    both.paste(portrait, (92, 0))
    found = unseen.load(artifact).predict(both)
    assert len(found) == 2
    assert found.notes == ("several_faces",)
    assert {face.why for face in found} <= {"", "in_band"}
    assert unseen.load(artifact).predict(portrait).notes == ()
