"""The report: one HTML page that needs nothing but itself."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from unseen.report.pictures import data_uri, file_uri, roc_chart, sample_grid
from unseen.report.results import Results
from unseen.shards import open_set


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _interval(found: dict[str, float]) -> str:
    return f"{found['low']:.1%} to {found['high']:.1%}"


def _sets(results: Results, data: Path) -> list[dict[str, Any]]:
    """Each stored set with its counts, rules and a grid of samples."""
    described = []
    params = results.params
    for folder, (name, use, label) in params.folders().items():
        source = params.sources.get(name)
        described.append(
            {
                "name": name,
                "use": use,
                "label": label,
                "counts": results.counts[name],
                "origin": f"{source.fetch.package} {source.fetch.version}" if source else params.fakes[name].gan,
                "license": source.license if source else "",
                "citation": source.citation if source else "",
                "grid": data_uri(sample_grid(open_set(data / folder))),
            }
        )
    return described


def render(results: Results, data: Path, metrics: Path) -> str:
    """The page as HTML, the same bytes for the same numbers.

    Args:
        results: from `read_results`.
        data: holds the face sets, for samples.
        metrics: holds the GANs' sample grids.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters |= {"percent": _percent, "interval": _interval}
    template = environment.from_string(files("unseen.report").joinpath("page.html").read_text())
    best = results.leaderboard.iloc[0].to_dict()
    versions = {f"{name} {version}" for card in results.cards.values() for name, version in card["versions"].items()}
    return template.render(
        best=best,
        rows=results.leaderboard.to_dict("records"),
        detectors=results.detectors,
        cards=results.cards,
        pairs=results.params.evaluation.pairs,
        sets=_sets(results, data),
        charts={pair: Markup(roc_chart(results.roc, pair)) for pair in results.params.evaluation.pairs},
        gans={name: file_uri(metrics / "gans" / name / "samples.png") for name in results.params.gans},
        audit=results.audit,
        versions=sorted(versions),
        params=yaml.safe_dump(results.params.model_dump(), sort_keys=False),
    )
