"""Table of the GANs that drew the fakes: their metrics by training seed, and what they mean."""

from collections.abc import Mapping
from typing import Any

from unseen.report.results import Results
from unseen.report.tables import Cell, Head, Table, heads, number_cell, plain_share, text_cell

FEW_FACES = 0.5
"""The face detector finds a face in fewer samples than this: most samples are not faces. It finds one in nearly all
photos, also in blurred ones."""


def faces_found(sets: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a sentence for the sets of one GAN in which the face detector finds few faces; else nothing.

    Args:
        sets: the counts of `generate` for each set: `read` and `dropped` by reason.
    """
    read = sum(counts["read"] for counts in sets.values())
    lost = sum(counts["dropped"].get("no_face", 0) for counts in sets.values())
    if not read or (read - lost) / read >= FEW_FACES:
        return ""
    return (
        f"Most of its samples are not faces: the face detector finds one in {(read - lost) / read:.0%} of {read:,}."
    )


def _row(name: str, seed: str, found: Mapping[str, Any], words: str) -> list[Cell]:
    return [
        Cell(name, href=f"gans/{name}/summary.json"),
        Cell(seed, sort=float(seed)),
        plain_share(found["precision"]),
        plain_share(found["recall"]),
        plain_share(found["diversity"]),
        number_cell(found["kid_lite1"]),
        text_cell(words),
    ]


def gans_table(results: Results) -> Table | None:
    """Return a table with a row for each GAN and training seed; None without GANs."""
    rows, foot = [], []
    for name, summary in results.gans.items():
        drawn = {key: results.counts[key] for key, fakes in results.params.fakes.items() if fakes.gan == name}
        about_faces = faces_found(drawn)
        for seed, found in summary["seeds"].items():
            rows.append(_row(name, seed, found, f"{found['finding']} {about_faces}".strip()))
        real = summary["held_back"]
        foot.append(
            [
                Cell(f"real faces beside {name}"),
                Cell(""),
                *(plain_share(real[key]) for key in ("precision", "recall", "diversity")),
                number_cell(real["kid_lite1"]),
                text_cell("held-back faces of other people in place of samples"),
            ]
        )
    if not rows:
        return None
    return Table(
        "GANs by training seed. Precision: share of samples that are as close to a training face as its third "
        "neighbour is; recall: share of training faces that are as close to a sample. Diversity: how much samples "
        "differ from each other, where training faces are 100 %. Distance: kid_lite1, 0 for no difference.",
        [
            Head("GAN"),
            *heads("Training seed", "Precision", "Recall", "Diversity", "Distance"),
            Head("What it means", words=True),
        ],
        rows,
        foot=foot,
    )
