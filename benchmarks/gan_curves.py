"""The quality of GANs along their training, as one picture: curves over minutes, and the first and last samples.

    PYTHONPATH=src python benchmarks/gan_curves.py metrics/gans dcgan=30.4 r3gan=31.0 --output docs/gans_lfw.png

After each GAN stand the minutes that its training took, as it said when it ended.
"""

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from PIL import Image

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("gans", nargs="+", metavar="GAN=MINUTES")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    named = dict(item.split("=") for item in arguments.gans)
    figure = plt.figure(figsize=(9, 3.4 + 1.5 * len(named)), dpi=110)
    rows = figure.add_gridspec(1 + len(named), 1, height_ratios=[3, *[1.3] * len(named)], hspace=0.35)
    curve = figure.add_subplot(rows[0])
    for place, (name, minutes) in enumerate(named.items()):
        with (arguments.folder / name / "losses.csv").open(encoding="utf-8") as handle:
            rows_of_all = list(csv.DictReader(handle))
        table = [row for row in rows_of_all if row["seed"] == rows_of_all[0]["seed"]]  # the first training seed
        last = float(table[-1]["images"])
        at = [float(row["images"]) / last * float(minutes) for row in table]
        values = [float(row["kid_lite1"]) for row in table]
        curve.plot(at, values, "o-", color=COLOURS[place], label=f"{name}, {last:,.0f} images", markersize=4)
        curve.annotate(f"{values[-1]:.3f}", (at[-1], values[-1]), xytext=(4, 4), textcoords="offset points")
        strip = figure.add_subplot(rows[1 + place])
        sheet = Image.open(arguments.folder / name / "samples.png")
        side = (sheet.width + 2) // 8 - 2
        strip.imshow(sheet.crop((0, sheet.height - side, sheet.width, sheet.height)))
        strip.set_title(f"{name} after {minutes} minutes", fontsize=9, loc="left")
        strip.axis("off")
    curve.set(xlabel="minutes", ylabel="kid_lite1, lower is better", ylim=(0, None), xlim=(0, None))
    curve.grid(alpha=0.3)
    curve.legend(frameon=False)
    figure.savefig(arguments.output, bbox_inches="tight")


if __name__ == "__main__":
    main()
