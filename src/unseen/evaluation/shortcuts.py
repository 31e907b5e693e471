"""Can trivial cues tell the classes apart? Two kinds, never mixed.

Properties of the **stored file** must not: one road made both classes, so whatever shows there is our own
mistake, and a training pair in which it shows fails the run. Properties of the **picture** may: a bad GAN is
honestly blurry. They are reported beside, as the simplest explanation of a good detector.
"""

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from unseen.shards import FaceSet

LIMIT = 4000
"""Faces of a set that are looked at, spread evenly over it."""

FOLDS = 5
PICTURE_QUALITY = 90


def grid_phase(data: bytes) -> str:
    """Where the strongest 8 x 8 block edges lie in one picture's pixels, as `x,y`.

    An earlier JPEG leaves its own grid there, which would be a shortcut. But so does a generator whose strides
    are 2, 4 and 8, and that is a true trace: hence a property of the picture and not of the file.
    """
    grey = np.asarray(Image.open(io.BytesIO(data)).convert("L"), np.float64)
    phases = []
    for axis in (1, 0):
        steps = np.abs(np.diff(grey, axis=axis)).mean(1 - axis)
        # a block edge is a step that is higher than the steps beside it; the i-th of these lies before pixel i + 2
        edges = steps[1:-1] - (steps[:-2] + steps[2:]) / 2
        strength = [edges[(phase - 2) % 8 :: 8].mean() for phase in range(8)]
        phases.append(str(int(np.argmax(strength))))
    return ",".join(phases)


_PLAIN_JPEG = {"jfif": 257, "jfif_version": (1, 1), "jfif_unit": 0, "jfif_density": (1, 1)}


def _plain(key: object, value: object) -> bool:
    """Whether an entry of a header is one that every plain JPEG has."""
    return _PLAIN_JPEG.get(str(key)) == value


def _entry(key: str, value: object) -> str:
    """An entry of a file's header: of the density its value, of blocks such as EXIF only that they are there."""
    return f"{key}={value}" if key.startswith("jfif") or key == "dpi" else key


def file_properties(data: bytes) -> dict[str, str]:
    """Properties of one stored file, as names: which value is which does not matter, only who has it."""
    picture = Image.open(io.BytesIO(data))
    found = {
        "format": str(picture.format),
        "size": f"{picture.width}x{picture.height}",
        "mode": picture.mode,
        "metadata": ",".join(
            _entry(str(key), value) for key, value in sorted(picture.info.items()) if not _plain(key, value)
        ),
        "tables": "",
        "subsampling": "",
        "block_grid": "",
    }
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        found["tables"] = str([sum(table) for _, table in sorted(picture.quantization.items())])
        found["subsampling"] = str(JpegImagePlugin.get_sampling(picture))
        # The file's own grid starts at its corner; only how many blocks share one unit can differ.
        found["block_grid"] = str([layer[1:3] for layer in picture.layer])
    return found


def picture_properties(data: bytes) -> dict[str, float]:
    """Numbers about what one picture looks like."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    pixels = np.asarray(picture, np.float64)
    grey = pixels.mean(2)
    laplacian = grey[1:-1, 1:-1] * 4 - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=PICTURE_QUALITY)
    red, green, blue = pixels.mean((0, 1))
    return {
        "sharpness": float(np.log(laplacian.var() + 1e-6)),
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
        "colour": float(abs(red - green) + abs(green - blue)),
        "bytes_at_q90": float(buffer.tell()),
    }


def _with_interval(auc: float, reals: int, fakes: int) -> dict[str, float]:
    """An AUC with its 95 % interval after Hanley and McNeil 1982."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (fakes - 1) * (q1 - auc**2) + (reals - 1) * (q2 - auc**2)
    margin = 1.96 * math.sqrt(max(variance, 0.0) / (reals * fakes))
    return {"auc": auc, "low": max(0.0, auc - margin), "high": min(1.0, auc + margin)}


def category_auc(values: list[str], labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """Cross-validated AUC of guessing the class from a category's log odds in the other folds.

    Args:
        values: a category for each face.
        labels: [n], 0 real and 1 fake, at least two of each.
    """
    _, codes = np.unique(np.asarray(values), return_inverse=True)
    counts = np.bincount(labels, minlength=2)
    folds = StratifiedKFold(min(FOLDS, int(counts.min())), shuffle=True, random_state=0)
    guesses = np.empty(len(labels))
    for fit, held_back in folds.split(codes, labels):
        seen = [np.bincount(codes[fit][labels[fit] == label], minlength=codes.max() + 1) + 1.0 for label in (0, 1)]
        odds = np.log(seen[1] / seen[1].sum()) - np.log(seen[0] / seen[0].sum())
        guesses[held_back] = odds[codes[held_back]]
    return _with_interval(float(roc_auc_score(labels, guesses)), int(counts[0]), int(counts[1]))


def number_auc(values: list[float], labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """AUC of a number as a score, whichever end is the fakes'."""
    auc = float(roc_auc_score(labels, values))
    counts = np.bincount(labels, minlength=2)
    return _with_interval(max(auc, 1 - auc), int(counts[0]), int(counts[1]))


def _spread(face_set: FaceSet) -> list[bytes]:
    """Up to LIMIT stored files of a set, evenly spread over it."""
    step = max(1, math.ceil(face_set.counts["kept"] / LIMIT))
    files: list[bytes] = []
    position = 0
    for batch in face_set.batches(["train", "val", "test"], ["image"]):
        for data in batch["image"].field("bytes").to_pylist():
            if position % step == 0:
                files.append(data)
            position += 1
    return files


def audit(sets: list[FaceSet], max_auc: float) -> dict[str, Any]:
    """Look for shortcuts in every pair of a real and a fake set.

    Args:
        sets: all stored sets.
        max_auc: a property of the file separates a pair when the lower limit of its AUC is above this.

    Returns:
        `pairs`: for each `real / fake`, whether it `trains`, the AUC of each property under `file` and `picture`,
        and `separated_by`, the file properties above the limit; `failed`: the training pairs that have any.
    """
    looked_at = {}
    for face_set in sets:
        files = _spread(face_set)
        looked_at[face_set.name] = (
            [file_properties(f) for f in files],
            [picture_properties(f) for f in files],
            [grid_phase(f) for f in files],
        )
    pairs: dict[str, Any] = {}
    for real in (face_set for face_set in sets if face_set.label == 0):
        for fake in (face_set for face_set in sets if face_set.label == 1):
            file_rows = looked_at[real.name][0] + looked_at[fake.name][0]
            picture_rows = looked_at[real.name][1] + looked_at[fake.name][1]
            phases = looked_at[real.name][2] + looked_at[fake.name][2]
            labels = np.repeat([0, 1], [len(looked_at[real.name][0]), len(looked_at[fake.name][0])])
            if np.bincount(labels, minlength=2).min() < 2:
                continue
            of_file = {key: category_auc([row[key] for row in file_rows], labels) for key in file_rows[0]}
            of_picture = {key: number_auc([row[key] for row in picture_rows], labels) for key in picture_rows[0]}
            pairs[f"{real.name} / {fake.name}"] = {
                "trains": real.use == fake.use == "train",
                "file": of_file,
                "picture": {**of_picture, "grid_in_pixels": category_auc(phases, labels)},
                "separated_by": sorted(key for key, value in of_file.items() if value["low"] > max_auc),
            }
    failed = sorted(name for name, pair in pairs.items() if pair["trains"] and pair["separated_by"])
    return {"pairs": pairs, "failed": failed}
