"""The data page: counts, dropped pictures, sample faces, attributes, origin and licence of each set."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from unseen.data.shards import FaceSet, dropped_summary, open_set
from unseen.report.pictures import data_uri, originals_chart, sample_grid
from unseen.report.results import Results
from unseen.report.templates import environment
from unseen.sources.shared.checksums import origin

FEW = 30
"""With fewer faces in a group, the interval of a share is wider than a third."""

MANY = 20
"""An attribute with more values is text, such as a prompt, and does not define groups."""


def _attributes(rows: list[Any]) -> dict[str, dict[str, int]]:
    """Count the faces with each value of each attribute, most frequent value first."""
    found: dict[str, Counter[str]] = {}
    for row in rows:
        for name, value in row:
            found.setdefault(name, Counter())[value] += 1
    return {name: dict(values.most_common()) for name, values in sorted(found.items()) if len(values) <= MANY}


def _originals(face_set: FaceSet) -> Markup:
    columns = face_set.index(["train", "val", "test"], ["width", "height", "original"])
    originals = [dict(row) for row in columns["original"]]
    longer = [max(size) for size in zip(columns["width"], columns["height"], strict=True)]
    qualities = [int(row["quality"]) for row in originals if "quality" in row]
    formats = dict(Counter(row.get("format", "unknown") for row in originals).most_common())
    return originals_chart(longer, qualities, formats)


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
                "attributes": _attributes(face_set.index(["train", "val", "test"], ["attributes"])["attributes"]),
                "chart": _originals(face_set),
                "grid": data_uri(sample_grid(face_set)),
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
