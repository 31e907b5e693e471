"""Write the report: two pages, tables (leaderboard, generator matrix, accuracy against speed, curves of all
detectors), findings for the comparison with another run, and a table in the terminal."""

from pathlib import Path

import _stage

from unseen.core.files import atomic_file
from unseen.core.json_files import write_metrics
from unseen.params.check import load_params
from unseen.report.captions import described_captions
from unseen.report.data import described, render_data
from unseen.report.findings import findings
from unseen.report.page import render
from unseen.report.results import read_results
from unseen.report.speed import pareto
from unseen.report.terminal import table


def main() -> None:
    metrics = Path("metrics")
    results = read_results(load_params(_stage.PARAMS), metrics, Path("models"))
    sets = described(results, Path("data/sets"))
    data_page = render_data(results, sets, described_captions(results, Path("data/sets")))
    for page, html in (("report.html", render(results, sets, metrics)), ("data.html", data_page)):
        with atomic_file(metrics / page) as part:
            part.write_text(html, encoding="utf-8")
    tables = {
        "leaderboard": results.leaderboard,
        "matrix": results.matrix,
        "pareto": pareto(results),
        "robustness": results.robustness,
        "roc": results.roc,
        "reliability": results.reliability,
        "training": results.training,
    }
    for name, frame in tables.items():
        with atomic_file(metrics / f"{name}.csv") as part:
            frame.to_csv(part, index=False, float_format="%.6f", lineterminator="\n")
    write_metrics(metrics / "findings.json", findings(results))
    print(table(results))
    print("\nThe full report: metrics/report.html and metrics/data.html")


if __name__ == "__main__":
    _stage.run(main, cost=False)  # its input is the costs of all stages, so it must not write its own
