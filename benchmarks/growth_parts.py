"""The parts of `growth_memory.py`. Each prepares its input, calls `arguments.start()`, and does what a stage does."""

import argparse
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from growth_faces import photos, stored_rows, varied

LABELS = {"reals": False, "fakes": True}


def write_sets(folder: Path, count: int, place: Path) -> None:
    """The two sets of `count` faces in all, below `faces`."""
    from unseen.data.set_writer import write_set
    from unseen.data.splits import SplitSettings

    for name, fake in LABELS.items():
        rows = stored_rows(name, fake, count // 2, photos(place), SplitSettings.model_validate({}))
        write_set(folder / "faces" / name / name, name, "train", int(fake), rows)


def write_archives(folder: Path, count: int, place: Path) -> None:
    """A zip and a tar archive of `count` pictures, ten of each person."""
    pictures = _pictures(place)
    files = (
        (f"real/p{number // 10:06d}_{number:06d}.jpg", pictures[number % len(pictures)]) for number in range(count)
    )
    with (
        zipfile.ZipFile(folder / "pictures.zip", "w") as packed,
        tarfile.open(folder / "pictures.tar", "w|", format=tarfile.USTAR_FORMAT) as written,
    ):
        for name, data in files:
            packed.writestr(name, data)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            written.addfile(info, io.BytesIO(data))


def _pictures(place: Path) -> list[bytes]:
    return [varied(photo, 128, False, number) for number, photo in enumerate(photos(place)[:32])]


def faces(folder: Path, count: int, arguments: argparse.Namespace, ending: str = "zip") -> None:
    """`gather` on an archive of `count` pictures, with finished crops in place of the processes' answers."""
    from dataclasses import replace

    from unseen.data.splits import SplitSettings
    from unseen.faces import gather
    from unseen.faces.detect import FaceDetector, with_dynamic_input
    from unseen.faces.preprocess import Crop, preprocess_pictures
    from unseen.faces.settings import FaceSettings
    from unseen.faces.workers import Job, Preprocessing
    from unseen.sources.shared.settings import SourceSettings

    model = (arguments.models / "assets/centerface/centerface.onnx").read_bytes()
    walked = Preprocessing(with_dynamic_input(model), FaceSettings.model_validate({}), 0)
    detector = FaceDetector(walked.model, walked.settings.detect, threads=1)
    found = preprocess_pictures(_pictures(arguments.photos), detector, walked.settings, 0, "found")
    done = [one for one in found if isinstance(one, Crop)]

    def finished(jobs: Iterator[Job], *_: Any) -> Iterator[tuple[Job, Crop]]:
        for number, job in enumerate(jobs):
            one = done[number % len(done)]
            yield job, replace(one, jpeg=one.jpeg + number.to_bytes(4), dhash=f"{number:064x}")

    gather.crops = finished  # type: ignore[assignment,attr-defined]
    source = SourceSettings.model_validate(
        {
            **{"archive": "a", "group": "g", "use": "train", "label": "real"},
            **{"members": "real/*", "identity": "p([0-9]+)_"},
        }
    )
    splits = SplitSettings.model_validate({})
    archive = folder / f"pictures.{ending}"
    arguments.start()
    gather.gather("bench", source, archive, "0" * 64, walked, splits, folder / "set", folder / "scratch", workers=1)


def train(folder: Path, count: int, arguments: argparse.Namespace) -> None:
    """The faces of a training in memory."""
    from unseen.data.shards import sets_for_fitting
    from unseen.detectors.shared.train import load_training_faces

    sets = [one for name in LABELS for one in sets_for_fitting(folder / "faces" / name)]
    arguments.start()
    loaded = load_training_faces(sets).of_seed(0)
    fingerprints = [one.fingerprint() for one in sets]
    assert fingerprints
    assert 0.7 * count < len(loaded.train) + len(loaded.val) < 0.9 * count


def evaluation_sets(folder: Path, count: int, arguments: argparse.Namespace) -> None:
    """The selection of test faces."""
    from unseen.data.shards import sets_below
    from unseen.evaluation.select import TrainingFaces, select

    sets = sets_below(folder / "faces")
    arguments.start()
    trained = TrainingFaces(sets)
    kept = [select(one.folder, "test", trained, folder / "evaluation" / one.name)["kept"] for one in sets]
    assert 0.1 * count < sum(kept) < 0.3 * count


def evaluate(folder: Path, count: int, arguments: argparse.Namespace) -> None:
    """The metrics of a detector on two sets."""
    import numpy as np

    from unseen.data.predictions import write_predictions
    from unseen.evaluation.evaluate import evaluate as metrics_of
    from unseen.evaluation.scored import Frozen
    from unseen.evaluation.settings import EvaluationSettings

    half = count // 10
    for name, fake in LABELS.items():
        logits = np.random.default_rng(int(fake)).normal(2 * fake - 1, 2, half)

        def batch(some: range, name: str = name, fake: bool = fake, logits: Any = logits) -> dict[str, list[object]]:
            drawn = logits[some.start : some.stop]
            return {
                **{"id": [f"{name}/{i}" for i in some], "sha256": [f"{i:064x}" for i in some]},
                **{"set": [name] * len(some), "source": [name] * len(some), "label": [int(fake)] * len(some)},
                "identity": [f"{name}/{i if fake else i // 10}" for i in some],
                **{"generator": ["g" if fake else ""] * len(some), "attributes": [[] for _ in some]},
                **{"seed": [0] * len(some), "logit": drawn.tolist(), "score": (1 / (1 + np.exp(-drawn))).tolist()},
            }

        parts = (batch(range(first, min(first + 1000, half))) for first in range(0, half, 1000))
        write_predictions(folder / "predictions" / f"{name}.parquet", parts)
    frozen = {0: Frozen(0.5, (0.4, 0.6), {"fpr_0_5": 0.99, "fpr_1": 0.97, "fpr_5": 0.9})}
    arguments.start()
    metrics_of(
        folder / "predictions",
        list(LABELS),
        frozen,
        EvaluationSettings.model_validate({"pairs": {}, "groups": []}),
        0,
    )


def report(folder: Path, count: int, arguments: argparse.Namespace) -> None:
    """Counts, charts and sample faces of the data page."""
    from unseen.data.shards import sets_below
    from unseen.report.data import FaceCounts
    from unseen.report.pictures import data_uri, sample_grid

    sets = sets_below(folder / "faces")
    arguments.start()
    for one in sets:
        found = FaceCounts.of(one)
        assert found.formats.total() == count // 2
        assert found.by_value() == {}
        assert found.chart()
        assert data_uri(sample_grid(one))


PARTS: dict[str, Callable[[Path, int, argparse.Namespace], None]] = {
    "faces": faces,
    "faces of a tar archive": partial(faces, ending="tar"),
    "train": train,
    "evaluation_sets": evaluation_sets,
    "evaluate": evaluate,
    "report": report,
}
