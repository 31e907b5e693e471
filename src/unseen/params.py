"""The whole of params.yaml: every block typed, and the references between blocks checked.

`python -m unseen.params FILE` checks a file and the environment variables, and prints one line where one is not
valid. Every stage runs that before it works, so an impossible value stops a run before anything is written.
"""

import sys
from pathlib import Path

from pydantic import Field

from unseen import environment
from unseen.detectors.settings import (
    CalibrationSettings,
    DetectorSettings,
    EnsembleSettings,
)
from unseen.errors import UserError
from unseen.evaluation.explanation_settings import ExplanationSettings
from unseen.evaluation.robustness_settings import RobustnessSettings
from unseen.evaluation.runtime_settings import RuntimeSettings
from unseen.evaluation.settings import AuditSettings, EvaluationSet, EvaluationSettings, Pair, pairs_of
from unseen.faces.settings import FaceSettings
from unseen.gans.settings import AutoencoderSettings, FakeSettings, GanSettings, QualitySettings, TwinSettings
from unseen.references import check
from unseen.settings import Name, Role, Settings, read_yaml, validated
from unseen.sources.settings import ArchiveSettings, AssetSettings, SourceSettings
from unseen.splits import SplitSettings


class Params(Settings):
    """Every knob. See params.yaml for what each is for."""

    seed: int = Field(ge=0, description="of everything that is drawn")
    split: SplitSettings
    faces: FaceSettings
    archives: dict[Name, ArchiveSettings]
    assets: dict[Name, AssetSettings]
    sources: dict[Name, SourceSettings] = Field(min_length=1)
    quality: QualitySettings | None = None
    gans: dict[Name, GanSettings]
    fakes: dict[Name, FakeSettings]
    autoencoders: dict[Name, AutoencoderSettings]
    twins: dict[Name, TwinSettings]
    calibration: CalibrationSettings
    detectors: dict[Name, DetectorSettings]
    ensembles: dict[Name, EnsembleSettings]
    evaluation_sets: dict[Name, EvaluationSet]
    evaluation: EvaluationSettings
    robustness: RobustnessSettings
    explanations: ExplanationSettings
    runtime: RuntimeSettings
    audit: AuditSettings

    def folders(self) -> dict[str, tuple[str, Role, str]]:
        """Each set's folder below data, with its name, role and label."""
        faces = {f"faces/{s.group}/{name}": (name, s.use, s.label) for name, s in self.sources.items()}
        made: list[tuple[str, FakeSettings | TwinSettings]] = [*self.fakes.items(), *self.twins.items()]
        fakes: dict[str, tuple[str, Role, str]] = {
            f"fakes/{s.group}/{name}": (name, s.use, "fake") for name, s in made
        }
        return {**faces, **fakes}

    def drawn_by(self, name: str) -> str:
        """The GAN or autoencoder that draws a set of fakes or twins."""
        return self.fakes[name].gan if name in self.fakes else self.twins[name].autoencoder

    def judged(self) -> list[str]:
        """Everything that gives verdicts: detectors, and ensembles of them."""
        return [*self.detectors, *self.ensembles]

    def pairs(self) -> dict[str, Pair]:
        """The pairs that are evaluated: those of params, or every set of reals against every set of fakes."""
        labels = {name: self.folders()[item.data][2] for name, item in self.evaluation_sets.items()}
        return pairs_of(self.evaluation.pairs, labels)


def check_disk(params: Params, data: Path) -> None:
    """No set lies on disk that params no longer name: DVC leaves it there, and a group would still hold it.

    Raises:
        UserError: names the folder.
    """
    for card in sorted([*data.glob("faces/**/set.json"), *data.glob("fakes/**/set.json")]):
        folder = card.parent.relative_to(data).as_posix()
        if folder not in params.folders() and not card.parent.name.endswith(".part"):
            raise UserError(
                f"{card.parent}: a set that params do not name, left from an earlier run; "
                f"remove it with `rm -r {card.parent}`"
            )


def load_params(path: Path) -> Params:
    """Read and check a params file.

    Raises:
        UserError: the first thing that is wrong, in one line.
    """
    params: Params = validated(Params, read_yaml(path), "")
    check(params)
    return params


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m unseen.params FILE")
    try:
        environment.check()
        check_disk(load_params(Path(sys.argv[1])), Path("data"))
    except UserError as error:
        sys.exit(str(error))
