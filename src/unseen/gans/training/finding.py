"""What the metrics of a trained GAN mean, in words."""

from collections.abc import Mapping

LOW = 0.1
"""Precision and recall below this share of what real faces of other people reach count as close to zero.

Their absolute size depends on the data: with ten photos of each person the manifold of the training faces is narrow,
and real faces of other people reach a precision of 0.18 and a recall of 0.38 only. A tenth of that is 4 of 256
samples, which chance alone does not explain.
"""

COLLAPSED = 0.5
"""A GAN whose samples differ from each other by less than this share of what training faces differ by has collapsed.

Blurred samples that are spread as training faces are have 0.6 to 0.9; one person's photos have about 0.5.
"""


def collapsed(row: Mapping[str, float]) -> bool:
    """Whether a GAN has collapsed, from its metrics with `diversity`."""
    return row["diversity"] < COLLAPSED


def finding(row: Mapping[str, float], held_back: Mapping[str, float]) -> str:
    """Return one or two sentences on a GAN of one training seed: whether it collapsed, and how close it comes.

    Args:
        row: its metrics, with `precision`, `recall` and `diversity`.
        held_back: `precision` and `recall` of held-back real faces in place of samples.
    """
    floors = {name: LOW * held_back[name] for name in ("precision", "recall")}
    like_a_face, covers = (row[name] > floors[name] for name in ("precision", "recall"))
    said = []
    if collapsed(row):
        said.append(
            f"It collapsed: its samples differ by {row['diversity']:.0%} of what its training faces differ by."
        )
    elif not covers:
        said.append(
            f"Its samples cover next to none of its training faces (recall {row['recall']:.1%}; real faces of other "
            f"people {held_back['recall']:.1%})."
        )
    if not like_a_face:
        said.append(
            f"Next to none of its samples look like a training face (precision {row['precision']:.1%}; real faces "
            f"of other people {held_back['precision']:.1%})."
        )
    if not said:
        said.append(
            f"Precision {row['precision']:.1%} and recall {row['recall']:.1%}; real faces of other people have "
            f"{held_back['precision']:.1%} and {held_back['recall']:.1%}."
        )
    return " ".join(said)
