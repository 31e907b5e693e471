"""The ladder's table and picture, from the metrics of a finished run of experiments/ladder.yaml.

    PYTHONPATH=src python benchmarks/ladder.py --output docs/ladder.png > table.md

A name that ends in _1 or _2 is another seed of the row it begins with: a row shows the mean of its seeds and their
range, and the interval by people of the first. Rows stand in the order of what chose first, the mean AUC of two
left-out generators; beside it stands what chose then, the mean AUC of two after a reduction to a quarter of the side,
which is the stage `robustness`'s.
"""

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from unseen.core.json_files import read_json

CHOOSE = ("left_out_gan", "left_out_twins")
CHOOSE_REDUCED = ("left_out_gan", "left_out_structure")
QUARTER = ("resize", "0.25")
MEASURE = ("stylegan1_matched", "sd21")
RUNGS = ("plain", "blur_jpeg", "gans", "snapshots", "twins", "spectrum", "mixes", "reduced", "structure", "subtle")
REDUCED = "left out, at a quarter"
COLOURS = dict(
    zip((*CHOOSE, REDUCED, *MEASURE), ("#999999", "#56b4e9", "#009e73", "#0072b2", "#d55e00"), strict=True)
)


def seeds_of(metrics: Path) -> dict[str, list[dict[str, Any]]]:
    """The metrics of each row's detectors, one for each seed; `reduced` is the AUC of what chose then, or None."""
    found = defaultdict(list)
    changed = {file.stem: read_json(file) for file in (metrics / "robustness").glob("*.json")}
    for file in sorted((metrics / "detectors").glob("*.json")):
        row, _, seed = file.stem.rpartition("_")
        one = read_json(file)
        pairs = changed.get(file.stem, {})
        aucs = [pairs[pair][QUARTER[0]][QUARTER[1]]["auc"] for pair in CHOOSE_REDUCED if pair in pairs]
        one["reduced"] = sum(aucs) / len(aucs) if len(aucs) == len(CHOOSE_REDUCED) else None
        found[row if seed in ("1", "2") else file.stem].append(one)
    return dict(found)


def mean(seeds: list[dict[str, Any]], pair: str, *path: str) -> tuple[float, str]:
    """The mean of a number over seeds, and their range as text where there are several."""
    values = []
    for one in seeds:
        value = one["pairs"][pair]
        for key in path:
            value = value[key]
        values.append(float(value))
    spread = f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
    return sum(values) / len(values), spread


def chosen_by(seeds: list[dict[str, Any]]) -> float:
    """What chooses: the mean AUC on the generators that are left out."""
    return sum(mean(seeds, pair, "auc", "value")[0] for pair in CHOOSE) / len(CHOOSE)


def reduced(seeds: list[dict[str, Any]]) -> list[float]:
    """What chose then, of each seed that was measured."""
    return [one["reduced"] for one in seeds if one["reduced"] is not None]


def table(rows: dict[str, list[dict[str, Any]]], measured: bool) -> list[str]:
    """Lines of Markdown."""
    pairs = MEASURE if measured else ()
    head = ["detector", "seeds", "chose", "at a quarter"]
    for pair in pairs:
        head += [f"{pair} AUC", "caught at 5 % / 1 %", "accuracy"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, seeds in sorted(rows.items(), key=lambda item: -chosen_by(item[1])):
        cells = [f"`{name}`", str(len(seeds)), f"{chosen_by(seeds):.3f}"]
        quarter = reduced(seeds)
        cells.append(f"{sum(quarter) / len(quarter):.3f}" if quarter else "")
        for pair in pairs:
            auc, spread = mean(seeds, pair, "auc", "value")
            around = seeds[0]["pairs"][pair]["auc"]
            cells.append(f"**{auc:.3f}**{spread} [{around['low']:.2f} to {around['high']:.2f}]")
            tpr = [mean(seeds, pair, "at_fpr", one, "frozen", "tpr", "share")[0] for one in ("fpr_5", "fpr_1")]
            cells.append(" / ".join(f"{share:.1%}".replace("%", " %") for share in tpr))
            cells.append(f"{mean(seeds, pair, 'accuracy')[0]:.1%}".replace("%", " %"))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def draw(rows: dict[str, list[dict[str, Any]]], measured: bool, output: Path) -> None:
    """The ablation: AUC by rung on each pair, the seeds as dots."""
    figure, axes = plt.subplots(figsize=(9, 3.6), dpi=110)
    for pair in (*CHOOSE, REDUCED, *(MEASURE if measured else ())):
        rungs = [rows[f"lite0_{rung}"] for rung in RUNGS]
        each = [
            reduced(seeds) if pair == REDUCED else [one["pairs"][pair]["auc"]["value"] for one in seeds]
            for seeds in rungs
        ]
        axes.plot([sum(values) / len(values) for values in each], "-", color=COLOURS[pair], label=pair)
        for place, values in enumerate(each):
            axes.plot([place] * len(values), values, "o", color=COLOURS[pair], markersize=4)
    axes.axhline(0.5, color="#999999", linewidth=0.8, linestyle=":")
    names = [
        "one GAN",
        "+ blur,\nJPEG",
        "+ another\nGAN",
        "+ earlier\nselves",
        "+ twins",
        "+ twins,\nspectrum",
        "mixed\npairs",
        "+ made\nsmaller",
        "+ wrong\nstructure",
        "+ subtle",
    ]
    axes.set_xticks(range(len(RUNGS)), names)
    axes.set_ylabel("AUC")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8, ncol=5, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.savefig(output, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("metrics"))
    parser.add_argument("--output", type=Path, help="where the picture goes")
    parser.add_argument("--choosing", action="store_true", help="only what chooses, nothing held out")
    arguments = parser.parse_args()
    rows = seeds_of(arguments.folder)
    print("\n".join(table(rows, not arguments.choosing)))
    if arguments.output:
        draw(rows, not arguments.choosing, arguments.output)


if __name__ == "__main__":
    main()
