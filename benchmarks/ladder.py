"""The ladder's table and picture, from the metrics of a finished run of experiments/ladder.yaml.

    PYTHONPATH=src python benchmarks/ladder.py --output docs/ladder.png > table.md

A name that ends in _1 or _2 is another seed of the row it begins with: a row shows the mean of its seeds and their
range, and the interval by people of the first. Rows stand in the order of what chooses, the mean AUC of the two
left-out generators.
"""

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from unseen.files import read_json

CHOOSE = ("left_out_gan", "left_out_twins")
MEASURE = ("stylegan1_matched", "sd21")
RUNGS = ("plain", "blur_jpeg", "gans", "snapshots", "twins", "spectrum", "mixes")
COLOURS = dict(zip((*CHOOSE, *MEASURE), ("#999999", "#56b4e9", "#0072b2", "#d55e00"), strict=True))


def seeds_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The metrics of each row's detectors, one for each seed."""
    found = defaultdict(list)
    for file in sorted(folder.glob("*.json")):
        row, _, seed = file.stem.rpartition("_")
        found[row if seed in ("1", "2") else file.stem].append(read_json(file))
    return dict(found)


def mean(seeds: list[dict[str, Any]], pair: str, *path: str) -> tuple[float, str]:
    """The mean of a number over seeds, and their range as text where there are several."""
    values = []
    for one in seeds:
        value = one["pairs"][pair]
        for key in path:
            value = value[key]
        values.append(float(value))
    spread = f" ({min(values):.2f}-{max(values):.2f})" if len(values) > 1 else ""
    return sum(values) / len(values), spread


def chosen_by(seeds: list[dict[str, Any]]) -> float:
    """What chooses: the mean AUC on the generators that are left out."""
    return sum(mean(seeds, pair, "auc", "value")[0] for pair in CHOOSE) / len(CHOOSE)


def table(rows: dict[str, list[dict[str, Any]]], measured: bool) -> list[str]:
    """Lines of Markdown."""
    pairs = MEASURE if measured else ()
    head = ["detector", "seeds", "chooses", *CHOOSE]
    for pair in pairs:
        head += [f"{pair} AUC (range; 95 %)", "caught at 5 %", "at 1 %", "accuracy", "flagged"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, seeds in sorted(rows.items(), key=lambda item: -chosen_by(item[1])):
        cells = [f"`{name}`", str(len(seeds)), f"{chosen_by(seeds):.3f}"]
        cells += [f"{mean(seeds, pair, 'auc', 'value')[0]:.3f}" for pair in CHOOSE]
        for pair in pairs:
            auc, spread = mean(seeds, pair, "auc", "value")
            around = seeds[0]["pairs"][pair]["auc"]
            cells.append(f"**{auc:.3f}**{spread}; {around['low']:.2f}-{around['high']:.2f}")
            for level in ("fpr_5", "fpr_1"):
                cells.append(f"{mean(seeds, pair, 'at_fpr', level, 'frozen', 'tpr', 'share')[0]:.1%}")
            cells.append(f"{mean(seeds, pair, 'accuracy')[0]:.1%}")
            cells.append(f"{mean(seeds, pair, 'flagged', 'share')[0]:.1%}")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def draw(rows: dict[str, list[dict[str, Any]]], measured: bool, output: Path) -> None:
    """The ablation: AUC by rung on each pair, the seeds as dots."""
    figure, axes = plt.subplots(figsize=(9, 3.6), dpi=110)
    for pair in (*CHOOSE, *(MEASURE if measured else ())):
        each = [[one["pairs"][pair]["auc"]["value"] for one in rows[f"lite0_{rung}"]] for rung in RUNGS]
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
        "+ mixed\npairs",
    ]
    axes.set_xticks(range(len(RUNGS)), names)
    axes.set_ylabel("AUC")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(output, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("metrics/detectors"))
    parser.add_argument("--output", type=Path, help="where the picture goes")
    parser.add_argument("--choosing", action="store_true", help="only what chooses, nothing held out")
    arguments = parser.parse_args()
    rows = seeds_of(arguments.folder)
    print("\n".join(table(rows, not arguments.choosing)))
    if arguments.output:
        draw(rows, not arguments.choosing, arguments.output)


if __name__ == "__main__":
    main()
