"""Typed settings of params.yaml, with checks of the references between blocks.

`python -m unseen.params.check FILE` checks a file and the environment variables, and prints one line if one is not
valid. Every stage runs it first, so an invalid value stops a run before anything is written.
"""

import copy
import math
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from unseen.audit.settings import AuditSettings
from unseen.autoencoders.settings import AutoencoderSettings, TwinSettings
from unseen.core import environment
from unseen.core.errors import UserError
from unseen.core.kinds import any_settings
from unseen.core.settings import Name, Problem, Role, Settings, problems_of, validated
from unseen.core.yaml_text import read_yaml
from unseen.data.evaluation_sets import EvaluationSet, Pair, pairs_of
from unseen.data.splits import SplitSettings
from unseen.detectors.shared.settings import CalibrationSettings, FittedSettings
from unseen.diffusion.captions.settings import CaptionSettings
from unseen.diffusion.fakes.settings import DiffuseSettings
from unseen.evaluation.settings import EnsembleSettings, EvaluationSettings, LeaveOneOutSettings
from unseen.explanations.settings import ExplanationSettings
from unseen.faces.settings import FaceSettings
from unseen.gans.shared.settings import FakeSettings, GanSettings, QualitySettings
from unseen.params.lines import Lines
from unseen.params.references import problems
from unseen.robustness.settings import RobustnessSettings
from unseen.sources.archives import AnyArchive
from unseen.sources.hub.settings import HubSettings
from unseen.sources.packaged import PACKAGED
from unseen.sources.shared.settings import AssetSettings, FolderSettings, Origin, SourceSettings
from unseen.speed.settings import SpeedSettings

if TYPE_CHECKING:
    AnyDetector = FittedSettings
    AnyGan = GanSettings
else:
    AnyDetector = any_settings("detectors/kinds", "kind")
    AnyGan = any_settings("gans/architectures", "architecture")


class Params(Settings):
    """All knobs. params.yaml explains them."""

    seed: int = Field(ge=0, description="of everything that is drawn, but for the splits")
    training_seeds: int = Field(ge=1, le=100, description="networks trained of each kind, from seed, seed + 1, ...")
    split: SplitSettings
    faces: FaceSettings
    archives: dict[Name, AnyArchive] = Field(description="what is downloaded")
    folders: dict[Name, FolderSettings] = Field(description="pictures of your own")
    assets: dict[Name, AssetSettings] = Field(description="model files in archives, beside those that are built in")
    hub: dict[Name, HubSettings] = Field(description="models of a Hugging Face hub")
    sources: dict[Name, SourceSettings] = Field(min_length=1, description="pictures of one class in an archive")
    quality: QualitySettings | None = Field(None, description="GAN metrics; required if there are GANs")
    gans: dict[Name, AnyGan] = Field(description="GANs to train")
    fakes: dict[Name, FakeSettings] = Field(description="sets of fakes that GANs draw")
    autoencoders: dict[Name, AutoencoderSettings] = Field(description="autoencoders to train")
    twins: dict[Name, TwinSettings] = Field(description="sets of fakes, each the twin of a real face")
    captions: dict[Name, CaptionSettings] = Field(description="texts that describe real faces, for prompts")
    diffuse: dict[Name, DiffuseSettings] = Field(description="sets of fakes that diffusion models make of real faces")
    calibration: CalibrationSettings
    detectors: dict[Name, AnyDetector] = Field(description="detectors to train")
    leave_one_out: LeaveOneOutSettings = Field(description="trainings without the fakes of one generator")
    ensembles: dict[Name, EnsembleSettings] = Field(description="rules over the predictions of detectors")
    evaluation_sets: dict[Name, EvaluationSet] = Field(description="sets that every detector scores")
    evaluation: EvaluationSettings
    robustness: RobustnessSettings
    explanations: ExplanationSettings
    speed: SpeedSettings
    audit: AuditSettings

    def origins(self) -> dict[str, Origin]:
        """Return archives and folders, the origins of pictures and model files, by the name that `archive` uses."""
        return {**self.archives, **self.folders}

    def asset_folders(self) -> list[str]:
        """Return folders of model files, as `weights` names them: built-in ones and those of `assets`."""
        return [f"assets/{name}" for name in (*PACKAGED, *self.assets)]

    def hub_folders(self) -> list[str]:
        """Return folders of models of the hub, as other blocks name them: `hub/NAME`."""
        return [f"hub/{name}" for name in self.hub]

    def set_folders(self) -> dict[str, tuple[str, Role, str]]:
        """Return the folder of each set, relative to data, with the set's name, role and label."""
        faces = {f"faces/{s.group}/{name}": (name, s.use, s.label) for name, s in self.sources.items()}
        made: list[tuple[str, FakeSettings | TwinSettings | DiffuseSettings]] = [
            *self.fakes.items(),
            *self.twins.items(),
            *self.diffuse.items(),
        ]
        fakes: dict[str, tuple[str, Role, str]] = {
            f"fakes/{s.group}/{name}": (name, s.use, "fake") for name, s in made
        }
        return {**faces, **fakes}

    def sets_below(self, folder: str) -> dict[str, tuple[str, Role, str]]:
        """Return the sets of `set_folders` that are in a folder, or are this folder.

        `all_fakes/GROUP` has the fakes of both `faces/GROUP` and `fakes/GROUP`.
        """
        root, _, below = folder.partition("/")
        folders = [f"faces/{below}/", f"fakes/{below}/"] if root == "all_fakes" else [f"{folder}/"]
        return {
            path: found
            for path, found in self.set_folders().items()
            if f"{path}/".startswith(tuple(folders)) and (root != "all_fakes" or found[2] == "fake")
        }

    def drawn_by(self, name: str) -> str:
        """Return the name of the GAN, autoencoder or diffusion model of a set of fakes."""
        if name in self.diffuse:
            return self.diffuse[name].generator
        return self.fakes[name].gan if name in self.fakes else self.twins[name].generator

    def generator_of(self, name: str) -> str:
        """Return the generator of a set of fakes, as its rows name it; empty for a set of reals."""
        return self.sources[name].generator if name in self.sources else self.drawn_by(name)

    def is_control(self, name: str) -> bool:
        """Whether a set has identity twins, which are measured against their reals and are in no pair."""
        return name in self.twins and self.twins[name].is_identity

    def scored_names(self) -> list[str]:
        """Return the names of detectors and ensembles."""
        return [*self.detectors, *self.ensembles]

    def pairs(self) -> dict[str, Pair]:
        """Return the evaluated pairs: those of params, or by default every set of reals with every set of fakes."""
        folders = {name: self.set_folders()[item.data] for name, item in self.evaluation_sets.items()}
        labels = {name: label for name, (made, _, label) in folders.items() if not self.is_control(made)}
        return pairs_of(self.evaluation.pairs, labels)


@dataclass(frozen=True)
class Checked:
    """Result of checking a params file."""

    params: Params | None
    """None if a value has the wrong type, so that references could not be checked."""
    problems: list[str]
    """One line each, with file, line, key and what to do, in the order of the file."""


def _corrected(data: dict[str, Any], problems: Sequence[Problem]) -> dict[str, Any]:
    """Return data with corrected spelling of keys and names, and without unknown keys."""
    data = copy.deepcopy(data)
    for problem in problems:
        block: Any = data
        for key in problem.keys[:-1]:
            block = block.get(key) if isinstance(block, dict) else None
        key = problem.keys[-1]
        if not isinstance(block, dict) or key not in block:
            continue
        if problem.unknown:
            value = block.pop(key)
            if problem.meant:
                block.setdefault(problem.meant, value)
        elif problem.meant:
            block[key] = problem.meant
    return data


def with_lines(path: Path, texts: Iterable[str]) -> list[str]:
    """Prefix problems with the line of the key that each names first, `params.yaml:12: ...`, and sort by line."""
    texts = list(texts)
    if not texts:
        return []
    lines = Lines(path)
    found: dict[str, int] = {}
    for text in texts:
        text = text.removeprefix("params: ")
        key = re.match(r"`([^`]+)`", text)
        found.setdefault(text, lines.of(key.group(1)) if key else 0)
    ordered = sorted(found.items(), key=lambda item: item[1] or math.inf)
    return [f"{path}:{line}: {text}" if line else f"{path}: {text}" for text, line in ordered]


def checked(path: Path) -> Checked:
    """Read a params file and find all problems.

    A misspelt key is reported, and its value is checked under the corrected key. References between blocks are
    checked only if every value has the right type.

    Raises:
        UserError: the file is missing, or is not a YAML mapping.
    """
    data = read_yaml(path)
    found = problems_of(Params, data)
    further = problems_of(Params, data := _corrected(data, found)) if found else []
    texts = [str(problem) for problem in [*found, *further]]
    if further:
        return Checked(None, with_lines(path, texts))
    params: Params = validated(Params, data, "")
    texts += problems(params)
    return Checked(params, with_lines(path, texts))


def load_params(path: Path) -> Params:
    """Read and check a params file.

    Raises:
        UserError: the first problem, in one line.
    """
    found = checked(path)
    if found.problems or found.params is None:
        more = f" (and {len(found.problems) - 1} more: `unseen check {path}`)" if len(found.problems) > 1 else ""
        raise UserError(found.problems[0] + more)
    return found.params


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m unseen.params.check FILE")
    try:
        environment.check_variables()
        load_params(Path(sys.argv[1]))
    except UserError as error:
        sys.exit(str(error))
