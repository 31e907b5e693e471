"""The data page: counts, dropped pictures, sample faces, attributes, origin and licence of each set."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from unseen.data.set_writer import dropped_summary
from unseen.data.shards import FaceSet, open_set
from unseen.report.pictures import originals_chart, sample_grid, webp_uri
from unseen.report.results import Results
from unseen.report.templates import environment
from unseen.sources.shared.checksums import origin

FEW = 30
"""With fewer faces in a group, the interval of a share is wider than a third."""

MANY = 20
"""An attribute with more values is text, such as a prompt, and does not define groups."""


@dataclass
class FaceCounts:
    """What the page says about the faces of a set, counted a batch at a time.

    Attributes:
        attributes: faces by value of each attribute with at most MANY values.
        formats: originals by format.
        longer: longer sides of the originals in pixels, one array for each batch.
        qualities: estimated qualities of those originals that are JPEG files.
    """

    attributes: dict[str, Counter[str]] = field(default_factory=dict)
    formats: Counter[str] = field(default_factory=Counter)
    longer: list[npt.NDArray[np.int32]] = field(default_factory=list)
    qualities: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, face_set: FaceSet) -> Self:
        """Count the faces of a set."""
        found, texts = cls(), set[str]()
        columns = ["width", "height", "attributes", "original"]
        for batch in face_set.batches(["train", "val", "test"], columns):
            found.longer.append(np.maximum(*(batch[name].to_numpy() for name in columns[:2])))
            for row in map(dict, batch["original"].to_pylist()):
                found.formats[row.get("format", "unknown")] += 1
                if "quality" in row:
                    found.qualities.append(int(row["quality"]))
            for name, value in itertools.chain.from_iterable(batch["attributes"].to_pylist()):
                if name not in texts:
                    values = found.attributes.setdefault(name, Counter())
                    values[value] += 1
                    if len(values) > MANY:
                        texts.add(name)
                        del found.attributes[name]
        return found

    def by_value(self) -> dict[str, dict[str, int]]:
        """The attributes, sorted, with the most frequent value first."""
        return {name: dict(values.most_common()) for name, values in sorted(self.attributes.items())}

    def chart(self) -> Markup:
        """Charts of the originals."""
        return originals_chart(np.concatenate(self.longer), self.qualities, dict(self.formats.most_common()))


def _identities(results: Results, name: str) -> str:
    """Return the number of identities of a set, as text; GAN fakes and sources without an identity rule have none."""
    source = results.params.sources.get(name)
    if (source and source.identity) or name in {*results.params.twins, *results.params.diffuse}:
        return f"{sum(results.counts[name]['identities'].values()):,}"
    return "none"


def described(results: Results, data: Path) -> list[dict[str, Any]]:
    """Describe each stored set: role, counts, origin, licence, attributes, sample faces and charts."""
    found = []
    for folder, (name, use, label) in results.params.set_folders().items():
        face_set, source = open_set(data / folder), results.params.sources.get(name)
        faces = FaceCounts.of(face_set)
        found.append(
            {
                "name": name,
                "use": use,
                "label": label,
                "group": folder.rsplit("/", 1)[0],
                "counts": results.counts[name],
                "skipped": dropped_summary(data / folder),
                "identities": _identities(results, name),
                "origin": origin(results.params.origins()[source.archive])
                if source
                else results.params.drawn_by(name),
                "license": source.license if source else "",
                "citation": source.citation if source else "",
                "attributes": faces.by_value(),
                "chart": faces.chart(),
                "grid": webp_uri(sample_grid(face_set)),
            }
        )
    return found


def render_data(results: Results, sets: list[dict[str, Any]], captions: Sequence[dict[str, Any]] = ()) -> str:
    """Render the data page as HTML. Equal data give equal bytes.

    Args:
        results: from `read_results`.
        sets: from `described`.
        captions: from `described_captions`.
    """
    left_out = sum(sum(one["left_out"].values()) for one in results.selections.values())
    read, kept = (sum(one["counts"][key] for one in sets) for key in ("read", "kept"))
    return (
        environment(results)
        .get_template("data.html")
        .render(
            sets=sets,
            captions=captions,
            selections=results.selections,
            total={"read": read, "kept": kept, "dropped": read - kept, "left_out": left_out},
            few=FEW,
        )
    )
