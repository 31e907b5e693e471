"""Score evaluation sets with the networks of a detector, a batch at a time."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from unseen.core.errors import UserError
from unseen.core.files import atomic_file, atomic_folder, sha256_of
from unseen.core.progress import progress
from unseen.core.runtime import prepare
from unseen.core.scratch import Scratch
from unseen.core.sealed import set_aside
from unseen.data.pictures import stream
from unseen.data.predictions import FROM_SHARDS, join_predictions, write_predictions
from unseen.data.shards import check_sides, measurable, open_set
from unseen.detectors.shared.artifact import TrainedDetector, load_trainings
from unseen.detectors.shared.logits import logits_of


def _scored(detector: TrainedDetector, seed: int, name: str, folder: Path) -> Iterator[dict[str, list[object]]]:
    """Yield the detector's predictions on an evaluation set; see `score_set`."""
    face_set = open_set(folder)
    check_sides([face_set], detector.faces, f"the detector `{detector.name}`")
    device = prepare()
    model = detector.model.to(device)
    faces_of_set = stream([face_set], measurable(face_set), FROM_SHARDS, fit=model.view.fit)
    for faces in progress(faces_of_set, f"score {detector.name}, seed {seed}, on {name}", "batch"):
        logits = logits_of(model, faces.pixels, device)
        if not np.isfinite(logits).all():
            raise UserError(f"{detector.folder}: the detector gives scores that are not finite; train it again")
        scores = detector.calibration.score(logits)
        names: list[object] = [name] * len(faces)
        seeds: list[object] = [seed] * len(faces)
        yield {**faces.columns, "set": names, "seed": seeds, "logit": logits.tolist(), "score": scores.tolist()}


def score_set(detector: TrainedDetector, seed: int, name: str, folder: Path, output: Path) -> int:
    """Write the detector's predictions on an evaluation set, one row per face, and return the number of rows.

    Args:
        detector: loaded from its artifact.
        seed: its training seed.
        name: the evaluation set's name.
        folder: the evaluation set's folder.
        output: the Parquet file to write.

    Raises:
        UserError: the crops do not have the size of the detector's training crops, or a score is not finite.
    """
    return write_predictions(output, _scored(detector, seed, name, folder))


def score_trainings(
    networks: Mapping[int, TrainedDetector], names: Sequence[str], evaluation: Path, folder: Path
) -> None:
    """Write the predictions of several networks on evaluation sets, one file per set.

    Args:
        networks: by training seed.
        names: the names of the evaluation sets.
        evaluation: has the folder of each evaluation set.
        folder: the folder to write to, with NAME.parquet for each set.

    Raises:
        UserError: see `score_set`.
    """
    for name in names:
        of_networks = (_scored(network, seed, name, evaluation / name) for seed, network in networks.items())
        write_predictions(folder / f"{name}.parquet", chain.from_iterable(of_networks))


def _usable(part: Path) -> bool:
    """Whether there are predictions in the cache, with the stored hash. A damaged file is renamed."""
    if not part.is_file():
        return False
    digest = _digest(part)
    if digest.is_file() and digest.read_bytes() == sha256_of(part).encode():
        return True
    set_aside(part, "and the set is scored again")
    return False


def _digest(part: Path) -> Path:
    """The file with the SHA-256 of a file of the cache: Parquet has no checksum that notices each flipped bit."""
    return part.with_suffix(".sha256")


def _keep_digest(part: Path) -> None:
    with atomic_file(_digest(part)) as file:
        file.write_text(sha256_of(part), encoding="utf-8")


def score_sets(detector: Path, names: Sequence[str], evaluation: Path, folder: Path, scratch: Path) -> None:
    """Write the predictions of every network of a detector on evaluation sets, one file per set.

    What was scored before, with the same network, faces and code, comes from `scratch`. So a new evaluation set does
    not score the others again, and a run that was stopped continues.

    Args:
        detector: the artifact's folder.
        names: the names of the evaluation sets.
        evaluation: has the folder of each evaluation set.
        folder: the folder to write, with NAME.parquet for each set.
        scratch: has the predictions of each network and set. Those that are not used are removed.

    Raises:
        UserError: see `load_trainings` and `score_set`.
    """
    prepare()  # the number of threads is part of the cache's key
    sets = {name: open_set(evaluation / name) for name in names}
    parts: dict[str, list[Path]] = {name: [] for name in names}
    for seed, trained in load_trainings(detector):
        for name, face_set in sets.items():
            key = [{**trained.card, "trainings": None}, seed, name, face_set.fingerprint()]
            part = Scratch(scratch, "scores", key).shared("scores", key) / "predictions.parquet"
            if not _usable(part):
                score_set(trained, seed, name, evaluation / name, part)
                _keep_digest(part)
            parts[name].append(part)
    with atomic_folder(folder) as written:
        for name, files in parts.items():
            join_predictions(files, written / f"{name}.parquet")
    used = {part.parent for files in parts.values() for part in files}
    for old in set(scratch.iterdir()) - used:
        if old.is_dir():
            shutil.rmtree(old)
