"""Captions on the data page: counts of each table, and some faces with what was said of them."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from unseen.data.shards import FaceSet, open_set
from unseen.report.pictures import data_uri
from unseen.report.results import Results


def _crops(sets: list[FaceSet], wanted: set[str]) -> dict[str, str]:
    """The crops of faces by their ids, as data addresses."""
    found: dict[str, str] = {}
    for face_set in sets:
        for batch in face_set.batches(["train", "val", "test"], ["id", "image"]):
            for place, face in enumerate(batch["id"].to_pylist()):
                if face in wanted:
                    found[face] = data_uri(Image.open(io.BytesIO(batch["image"][place]["bytes"].as_py())))
    return found


def described_captions(results: Results, data: Path) -> list[dict[str, Any]]:
    """Describe each table of captions: its counts, and its examples with their crops.

    Args:
        results: from `read_results`.
        data: folder of the sets.
    """
    found = []
    for name, counts in results.captions.items():
        settings = results.params.captions[name]
        sets = [open_set(data / folder) for folder in results.params.sets_below(settings.of)]
        crops = _crops(sets, {one["id"] for one in counts["examples"]})
        examples = [{**one, "crop": crops[one["id"]]} for one in counts["examples"] if one["id"] in crops]
        found.append({**counts, "name": name, "of": settings.of, "examples": examples})
    return found
