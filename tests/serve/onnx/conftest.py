"""One export of the detector with drawn weights, which the tests of this folder share."""

from pathlib import Path

import onnx
import pytest

from unseen.detectors.shared.artifact import load_detector
from unseen.faces.settings import FaceSettings
from unseen.serve.onnx import export as exporting
from unseen.serve.onnx.graph import graph_of

from ..test_predict import make_artifact


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory, face_detector_model: bytes, face_settings: FaceSettings) -> Path:
    """A detector's folder, not to be changed."""
    return make_artifact(tmp_path_factory.mktemp("models") / "drawn", face_detector_model, face_settings)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, orl_pictures: dict[str, bytes]) -> Path:
    """A folder with eight real faces as PGM files."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, data in enumerate(list(orl_pictures.values())[:8]):
        (folder / f"{number}.pgm").write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def drawn_graph(drawn: Path) -> onnx.ModelProto:
    """The graph of the detector, which takes seconds to make."""
    found = load_detector(drawn)
    return graph_of(found.model, found.faces.side)


@pytest.fixture
def quick(drawn_graph: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an export take the graph of `drawn_graph`."""
    monkeypatch.setattr(exporting, "graph_of", lambda *_: drawn_graph)


@pytest.fixture(scope="session")
def exported(
    tmp_path_factory: pytest.TempPathFactory, drawn: Path, drawn_graph: onnx.ModelProto, pictures: Path
) -> Path:
    """An export, not to be changed."""
    out = tmp_path_factory.mktemp("exports") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "graph_of", lambda *_: drawn_graph)
        exporting.export(drawn, out, faces=pictures)
    return out
