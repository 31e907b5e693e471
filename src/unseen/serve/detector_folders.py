"""Find the detector that an argument of a command names."""

from pathlib import Path

from unseen.core.errors import UserError
from unseen.core.json_files import read_json

DETECTORS, ENSEMBLES = Path("models/detectors"), Path("models/ensembles")


def _refuse_ensemble(given: Path) -> None:
    """Refuse an ensemble, which has no network of its own.

    Raises:
        UserError: `given` is the folder or the name of an ensemble.
    """
    for folder in (given, ENSEMBLES / given):
        if (folder / "ensemble.json").is_file():
            members = ", ".join(read_json(folder / "ensemble.json")["members"])
            raise UserError(f"{given}: an ensemble is a rule over predictions; predict with its members: {members}")


def detector_folder(given: Path, expected: str = "a detector's folder or its name") -> Path:
    """Return the folder of a detector, given its folder or its name in models/detectors.

    Raises:
        UserError: there is no such detector, or it is an ensemble.
    """
    _refuse_ensemble(given)
    if given.is_dir():
        return given
    named = DETECTORS / given
    if len(given.parts) == 1 and named.is_dir():
        return named
    if given.exists():
        raise UserError(f"{given}: is a file; give {expected}")
    from unseen.core.recovery import advice
    from unseen.core.settings import did_you_mean

    known = sorted(path.name for path in DETECTORS.glob("*") if (path / "detector.json").is_file())
    if known:
        raise UserError(f"{given}: not found; give {expected}; {did_you_mean(given.name, known)}")
    raise UserError(f"{given}: not found; give {expected}; {advice(named)}")
