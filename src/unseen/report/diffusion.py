"""Section "Fakes by diffusion": what was made, made again and dropped, and the Gram distances of each set."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from unseen.diffusion.fakes.settings import DiffuseSettings
from unseen.report.charts import SOFT, chart, legend, look, number_axis
from unseen.report.results import Measured, Results
from unseen.report.section import OWN_RUN, Section
from unseen.report.tables import NONE, Cell, Head, Table, count_cell, heads, number_cell, plain_share, text_cell

SIDES = {"best": "made pictures, nearest try", "first": "made pictures, first try", "reals": "reals of two people"}


def gram_chart(name: str, gram: Mapping[str, Any]) -> Markup:
    """Chart of the histograms of Gram distances as shares, with the threshold as a vertical line.

    Args:
        name: of the set.
        gram: the gate's numbers, of `unseen.diffusion.fakes.gate.gram_metrics`.
    """
    edges = gram["edges"]

    def draw(axes: Axes) -> None:
        axes.set(xlabel="Gram distance", ylabel="share of pictures")
        tallest = 0.0
        for series, side in enumerate(SIDES):
            counts = gram[side]["histogram"]
            if not counts:
                continue
            shares = [count / sum(counts) for count in counts]
            tallest = max(tallest, *shares)
            style = {key: value for key, value in look(series).items() if key != "marker"}
            axes.step(edges, [*shares, shares[-1]], where="post", **style)
        number_axis(axes.xaxis, 0, edges[-1])
        number_axis(axes.yaxis, 0, tallest)
        axes.axvline(gram["threshold"], color=SOFT, linewidth=1)

    return chart(name, draw, 320, 220)


def _row(name: str, settings: DiffuseSettings, counts: Mapping[str, Any]) -> list[Cell]:
    dropped, gram = counts["dropped"], counts.get("gram")
    gate = [NONE] * 4
    if gram:
        median = gram["best"]["quantiles"].get("0.5")
        gate = [
            number_cell(gram["threshold"]),
            NONE if median is None else number_cell(median),
            plain_share(gram["made_again"] / counts["read"]),
            plain_share(gram["given_up"] / counts["read"]),
        ]
    return [
        Cell(name, href=f"fakes/{name}.json"),
        text_cell(f"{settings.generator}, {settings.mode.replace('_', ' ')}"),
        count_cell(counts["read"]),
        count_cell(counts["kept"]),
        *(count_cell(dropped.get(reason, 0)) for reason in ("no_face", "black", "unsafe")),
        *gate,
    ]


def section(results: Measured) -> Section:
    """Show the sets of `diffuse`. Left out if there are none, and for external predictions."""
    title = "Fakes by diffusion"
    if not isinstance(results, Results) or not results.params.diffuse:
        return Section("diffusion", title, missing=OWN_RUN)
    sets = results.params.diffuse
    table = Table(
        "Pictures that diffusion models made of real faces. Dropped: no detected face, completely black, or called "
        "unsafe by the model's safety checker. Gram gate: the threshold, the median distance of the tries that were "
        "nearest to their reals, the share of pictures that were made again, and the share without an accepted try.",
        [
            Head("Set"),
            Head("Model", words=True),
            *heads("Made", "Kept", "No face", "Black", "Unsafe", "Threshold", "Median", "Made again", "Given up"),
        ],
        [_row(name, settings, results.counts[name]) for name, settings in sets.items()],
    )
    gates = {name: results.counts[name]["gram"] for name in sets if "gram" in results.counts[name]}
    return Section(
        "diffusion",
        title,
        {
            "table": table,
            "charts": [gram_chart(name, gram) for name, gram in gates.items()],
            "legend": legend(list(SIDES.values())),
        },
    )
