"""One export and the real ONNX Runtime Web, which the tests of this folder share."""

from pathlib import Path

import pytest

from unseen.core.errors import UserError
from unseen.faces.settings import FaceSettings
from unseen.serve.static_page.runtime import runtime_files

from .drawn_export import make_export


@pytest.fixture(scope="session")
def drawn_export(
    tmp_path_factory: pytest.TempPathFactory, face_detector_model: bytes, face_settings: FaceSettings
) -> Path:
    """The folder of an export, not to be changed."""
    return make_export(tmp_path_factory.mktemp("exports") / "drawn", face_detector_model, face_settings)


@pytest.fixture(scope="session")
def vendored() -> dict[str, bytes]:
    """ONNX Runtime Web from npm, which keeps it in its cache. Without it, the test is skipped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("npm_config_fetch_retries", "0")  # a machine without network answers at once
        patch.setenv("npm_config_prefer_offline", "true")
        try:
            return runtime_files(None)
        except UserError as error:
            pytest.skip(f"needs the npm package onnxruntime-web: {error}")
