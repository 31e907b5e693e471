"""A new kind is one new file and a block of params, and makes no other item stale."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from conftest import ROOT
from detectors.learning import check_learns_and_repeats_itself, easy
from unseen.core.calibration import Calibration
from unseen.core.kinds import settings_of
from unseen.detectors.shared.artifact import load_detector, save_detector
from unseen.detectors.shared.logits import logits_of
from unseen.faces.settings import FaceSettings

ITEMS = {"archives": "download", "gans": "train_gan", "detectors": "train_detector"}
"""The blocks whose items are of a kind, and the stage that imports the kind."""

Copy = Callable[[str, str, dict[str, Any]], Path]


def blocks_of_code(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in a language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


DETECTOR = blocks_of_code("docs/add-a-detector.md", "python")[0]
DETECTOR_PARAMS = yaml.safe_load(blocks_of_code("docs/add-a-detector.md", "yaml")[0])


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Make a copy of the tracked code and params, with one more file, and more items in blocks of params."""

    def made(file: str, text: str, blocks: dict[str, Any]) -> Path:
        tracked = subprocess.run(
            ["git", "ls-files", "src", "dvc.yaml", "params.yaml"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in tracked.splitlines():
            if (ROOT / name).is_file():
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, tmp_path / name)
        assert not (tmp_path / file).exists()
        (tmp_path / file).write_text(text, encoding="utf-8")
        params = yaml.safe_load((tmp_path / "params.yaml").read_text(encoding="utf-8"))
        for block, items in blocks.items():
            params[block] |= items
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
        return tmp_path

    return made


def check(project: Path) -> str:
    """What `python -m unseen.params.check` of the copy says: nothing where params are valid."""
    done = subprocess.run(
        [sys.executable, "-m", "unseen.params.check", "params.yaml"],
        cwd=project,
        env={"PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert bool(done.returncode) == bool(done.stdout + done.stderr)
    return done.stdout + done.stderr


def depending(project: Path, file: str) -> set[str]:
    """The stages that have a file among their deps, alone or in a folder."""
    stages = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    found = set()
    for name, stage in stages.items():
        items: dict[str, Any] = {"": {}}
        if "foreach" in stage:
            of_params = re.fullmatch(r"\$\{(\w+)\}", str(stage["foreach"]))
            items = params[of_params[1]] if of_params else {item: {} for item in stage["foreach"]}
        for item, settings in items.items():
            for dep in stage.get("do", stage)["deps"]:
                # `${item.kind}` is a knob of the item; deps of data do not matter here
                dep = re.sub(r"\$\{item\.(\w+)\}", lambda key, knobs=settings: str(knobs.get(key[1])), dep)
                if file == dep or file.startswith(f"{dep}/"):
                    found.add(f"{name}@{item}" if item else name)
    return found


def test_a_new_kind_of_detector_is_one_file_and_a_block(copy: Copy) -> None:
    file = "src/unseen/detectors/kinds/high_pass.py"
    project = copy(file, DETECTOR, DETECTOR_PARAMS)
    assert check(project) == ""
    assert depending(project, file) == {"train_detector@high_pass"}


GAN = '''
"""A generator that is one linear layer."""

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from unseen.gans.shared.settings import GanSettings


class Settings(GanSettings):
    """The knobs of every GAN, and one more."""

    architecture: Literal["linear"]
    gain: float = Field(1.0, gt=0, description="factor of its pictures")


class Generator(nn.Module):
    def __init__(self, settings: Settings, size: int) -> None:
        super().__init__()
        self.size, self.gain = size, settings.gain
        self.layer = nn.Linear(settings.latent, 3 * size * size)

    def forward(self, latents: Tensor) -> Tensor:
        return self.gain * self.layer(latents).view(-1, 3, self.size, self.size)
'''
SOURCE = '''
"""Archives on a shared disk."""

import shutil
from pathlib import Path
from typing import Literal

from pydantic import Field

from unseen.sources.shared.settings import ArchiveSettings


class Settings(ArchiveSettings):
    """A file on a shared disk."""

    kind: Literal["disk"]
    file: str = Field(min_length=1, description="path of the archive")


def fetch(settings: Settings, folder: Path, parts: Path) -> Path:
    return Path(shutil.copy(settings.file, folder))
'''


def test_a_new_architecture_of_gans_is_one_file_and_a_block(copy: Copy) -> None:
    file = "src/unseen/gans/architectures/linear.py"
    block = {"architecture": "linear", "train_on": "faces/people", "gain": 2.0}
    project = copy(file, GAN, {"gans": {"straight": block}})
    assert check(project) == ""
    assert depending(project, file) == {"train_gan@straight"}


def test_a_new_kind_of_archive_is_one_file_and_a_block(copy: Copy) -> None:
    file = "src/unseen/sources/kinds/disk.py"
    project = copy(file, SOURCE, {"archives": {"shared": {"kind": "disk", "file": "/mnt/faces.zip"}}})
    assert check(project) == ""
    assert depending(project, file) == {"download@shared"}


def test_a_knob_of_another_kind_is_refused(copy: Copy) -> None:
    block = {"architecture": "dcgan", "train_on": "faces/people", "gain": 2.0}
    project = copy("src/unseen/gans/architectures/linear.py", GAN, {"gans": {"straight": block}})
    assert "`gans.straight.gain` is not a known key" in check(project)


@pytest.mark.parametrize(
    ("folder", "kind"), [("gans/architectures", "r3gan"), ("sources/kinds", "kaggle"), ("sources/kinds", "sklearn")]
)
def test_settings_of_gans_and_archives_are_those_of_the_module(folder: str, kind: str) -> None:
    module = importlib.import_module(f"unseen.{folder.replace('/', '.')}.{kind}")
    assert settings_of(folder, kind).model_json_schema() == module.Settings.model_json_schema()


def test_a_file_of_all_is_a_dep_of_all(copy: Copy) -> None:
    """What `depending` says of files that are there."""
    file = "src/unseen/detectors/kinds/high_pass.py"
    project = copy(file, DETECTOR, DETECTOR_PARAMS)
    names = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))["detectors"]
    found = depending(project, "src/unseen/detectors/shared/loop.py")
    assert {f"train_detector@{name}" for name in names} <= found
    assert depending(project, "src/unseen/detectors/kinds/dct_logistic.py") == {"train_detector@dct_logistic"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    width: int = Field(16", "    width: int = Field(sqrt(16)", "the settings use `sqrt`"),
        ('kind: Literal["high_pass"]', 'kind: Literal["patch"]', 'must have `kind: Literal["high_pass"]`'),
        ("import Path\n", "import Path,\n", "detectors/kinds/high_pass.py:"),
    ],
)
def test_a_mistake_in_a_new_file_is_named(copy: Copy, old: str, new: str, said: str) -> None:
    assert old in DETECTOR
    file = "src/unseen/detectors/kinds/high_pass.py"
    project = copy(file, DETECTOR.replace(old, new), DETECTOR_PARAMS)
    assert said in check(project).splitlines()[-1]


def test_its_knobs_are_checked_as_any_others(copy: Copy) -> None:
    file = "src/unseen/detectors/kinds/high_pass.py"
    block = DETECTOR_PARAMS["detectors"]["high_pass"]
    project = copy(file, DETECTOR, {"detectors": {"high_pass": {**block, "widht": 8}}})
    assert "`detectors.high_pass.widht` is not a known key" in check(project)
    assert "did you mean `width`?" in check(project)


@pytest.fixture
def high_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example as the module that it would be."""
    name = "unseen.detectors.kinds.high_pass"
    (tmp_path / "high_pass.py").write_text(DETECTOR, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, tmp_path / "high_pass.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_the_example_learns_and_comes_back_from_its_artifact(
    high_pass: ModuleType, tmp_path: Path, face_settings: FaceSettings
) -> None:
    """The training of the page, and its files."""

    def knobs(**changed: Any) -> Any:
        return high_pass.Settings.model_validate(DETECTOR_PARAMS["detectors"]["high_pass"] | changed)

    def make() -> Any:
        torch.manual_seed(0)
        return high_pass.create(knobs(input_size=32), Path("models/none"), 32)

    check_learns_and_repeats_itself(
        make, lambda **changed: knobs(input_size=32, **changed), tmp_path / "scratch", steps=60
    )
    model = make()
    assert sum(weight.numel() for weight in model.parameters()) == 2785
    numbers = Calibration.from_dict(
        {"temperature": 1.0, "threshold": 0.5, "unsure": [0.4, 0.6], "max_fpr": 0.05, "validation": {}}
    )
    card = {"name": "high_pass", "faces": face_settings.model_dump(), "seed": 0, "trained_on": {}}
    save_detector(tmp_path / "saved", model, "high_pass", numbers, b"", card)
    again = load_detector(tmp_path / "saved").model
    pixels = easy(32)[1].pixels[:4]
    cpu = torch.device("cpu")
    assert np.array_equal(logits_of(again, pixels, cpu), logits_of(model.eval(), pixels, cpu))


@pytest.mark.parametrize("kind", ["efficientnet_lite0", "dct_logistic", "vit_lora"])
def test_settings_are_those_of_the_module(kind: str) -> None:
    """What the check reads from the file has the same fields as the class that is imported."""
    module = importlib.import_module(f"unseen.detectors.kinds.{kind}")
    assert settings_of("detectors/kinds", kind).model_json_schema() == module.Settings.model_json_schema()
