"""The scope of a detector: its training data, its threshold, and its TPR and FPR in evaluation.

It is printed as text above verdicts, and stored as JSON in or beside files of verdicts.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.core.recovery import advice
from unseen.data.identities import FEW_PEOPLE, people_text
from unseen.serve.verdict import MEANINGS, NOT_FLAGGED

if TYPE_CHECKING:
    from unseen.detectors.shared.artifact import TrainedDetector
    from unseen.serve.network import LoadedDetector


@dataclass(frozen=True)
class Scope:
    """The scope of a detector.

    Attributes:
        detector: name of the detector.
        scope: summary for users.
        demonstration: whether it was trained on too few people to rely on.
        training_seed: training seed of the network; None if the artifact does not state it.
        training_seeds: training seeds of all networks of the detector; empty if the artifact does not state them.
        threshold: threshold on the score, frozen on validation faces.
        unsure: lowest and highest score of the unsure band.
        temperature: score = 1 / (1 + exp(-logit / temperature)).
        max_fpr: maximum FPR at the threshold on validation faces.
        trained_on: number of people, faces by source, and generators of the training data.
        measured: TPR of each set of fakes and FPR of each set of reals; None if the detector is not evaluated, or is
            used at another threshold than its own.
        verdicts: the meaning of each verdict.
    """

    detector: str
    scope: str
    demonstration: bool
    training_seed: int | None
    training_seeds: list[int]
    threshold: float
    unsure: tuple[float, float]
    temperature: float
    max_fpr: float
    trained_on: dict[str, Any]
    measured: dict[str, Any] | None
    verdicts: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "unsure": list(self.unsure)}


def _rates(sets: dict[str, dict[str, Any]], seen: set[str]) -> str:
    parts = []
    for name, one in sets.items():
        generators = set(one.get("generators", []))
        held_out = ", held out" if generators and not generators & seen else ""
        share, n = float(one["share"]), int(one["n"])
        if not 0 <= share <= 1:
            raise ValueError(f"`share` of {name} is {share}")
        over_seeds = ""
        if "mean" in one and one["min"] < one["max"]:
            low, mean, high = (f"{100 * float(one[key]):.3g}" for key in ("min", "mean", "max"))
            over_seeds = f"; {low} to {high} % over training seeds, mean {mean} %"
        parts.append(f"{100 * share:.3g} % on {' + '.join(sorted(generators)) or name} (n {n}{held_out}{over_seeds})")
    return ", ".join(parts) or "not measured"


def _network(seed: int | None, seeds: list[int]) -> str:
    """Describe the network by its training seed, and list all training seeds; empty if the seed is not known."""
    if seed is None:
        return ""
    return f", network of training seed {seed}" + (f" of {', '.join(map(str, seeds))}" if len(seeds) > 1 else "")


def scope_of(detector: "TrainedDetector | LoadedDetector") -> Scope:
    """Read the scope of a detector from its folder.

    Raises:
        UserError: a JSON file of the artifact is damaged or can't be read.
    """
    file, calibration = detector.folder / "detector.json", detector.calibration
    try:
        trained = detector.card["trained_on"]
        train, seen = trained["train"], {name for split in trained.values() for name in split["generators"]}
        people, others = int(train["people"]), int(train.get("without_identity", 0))
        generators = [str(name) for name in train["generators"]]
        faces = {str(source): int(n) for source, n in train["faces"].items()}
        seed = detector.card.get("training_seed")
        seed, seeds = seed if seed is None else int(seed), sorted(map(int, detector.card.get("trainings", {})))
        file = detector.folder / "evaluation.json"
        measured, rates = None, "not evaluated yet"
        if file.exists():
            found = read_json(file)
            measured = {key: dict(found[key]) for key in ("tpr", "fpr")}
            rates = f"TPR {_rates(measured['tpr'], seen)}; FPR {_rates(measured['fpr'], set())}"
        if calibration.threshold != detector.card["calibration"]["threshold"]:
            measured, rates = None, "TPR and FPR in evaluation are not measured at this threshold"
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror}; {advice(file)}") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{file}: damaged ({error!r}); {advice(file)}") from None
    ready = bool(detector.card.get("calibrated_only"))
    few = people + others < FEW_PEOPLE and not ready
    data = f"trained on {people_text(people, others)} and fakes of {', '.join(generators)}{_network(seed, seeds)}"
    if ready:
        data = "a ready checkpoint that others have trained, calibrated only"
    sentence = (
        f"{detector.name}: {'a demonstration, too small to rely on: ' if few else ''}{data}. "
        f"Threshold {calibration.threshold:.3g}, at most {100 * calibration.max_fpr:.3g} % FPR on validation people: "
        f"{rates}. Other generators: not measured. `{NOT_FLAGGED}` does not mean real."
    )
    return Scope(
        detector=detector.name,
        scope=sentence,
        demonstration=few,
        training_seed=seed,
        training_seeds=seeds,
        threshold=calibration.threshold,
        unsure=calibration.unsure,
        temperature=calibration.temperature,
        max_fpr=calibration.max_fpr,
        trained_on={"people": people, "without_identity": others, "faces": faces, "generators": generators},
        measured=measured,
        verdicts=MEANINGS,
    )
