"""The examples of docs/python.md run, with a detector whose weights are drawn; numbers are compared by their kind."""

import doctest
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from unseen.faces.settings import FaceSettings

from .test_predict import make_artifact

PAGE = Path(__file__).resolve().parents[2] / "docs/python.md"


class AnyNumbers(doctest.OutputChecker):
    """Compares outputs without their numbers and the widths of columns: this detector is not the page's."""

    @staticmethod
    def bare(text: str) -> str:
        return re.sub(r" +", " ", re.sub(r"-?\b\d+(\.\d+)?(e-?\d+)?\b", "#", text))

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        """Whether they are the same but for numbers."""
        return super().check_output(self.bare(want), self.bare(got), optionflags)


@pytest.fixture
def working_directory(
    tmp_path: Path,
    face_detector_model: bytes,
    face_settings: FaceSettings,
    portrait: Image.Image,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A folder with the files that the page names. Every score is below the threshold."""
    folder = make_artifact(tmp_path / "models/detectors/efficientnet_lite0", face_detector_model, face_settings)
    card = json.loads((folder / "detector.json").read_text())
    card["calibration"] |= {"threshold": 0.99, "unsure": [0.98, 0.995], "at_fpr": {"fpr_1": 0.999}}
    (folder / "detector.json").write_text(json.dumps(card))
    portrait.save(tmp_path / "astronaut.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("working_directory")
def test_the_examples_give_what_the_page_says() -> None:
    examples = doctest.DocTestParser().get_doctest(PAGE.read_text(encoding="utf-8"), {}, PAGE.name, str(PAGE), 0)
    assert len(examples.examples) >= 18
    said: list[str] = []
    runner = doctest.DocTestRunner(AnyNumbers(), optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    result = runner.run(examples, out=said.append)
    assert result.failed == 0, "".join(said)


def test_numbers_alone_may_differ() -> None:
    checker = AnyNumbers()
    assert checker.check_output("(0.5, -1e-3, 'fake')\n", "(1, 2.5, 'fake')\n", 0)
    assert not checker.check_output("(0.5, 'fake')\n", "(0.5, 'unsure')\n", 0)
    assert not checker.check_output("(0.5, 0.5)\n", "(0.5)\n", 0)
