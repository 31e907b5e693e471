"""The report: one HTML page that needs nothing but itself."""

from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from unseen.evaluation.cues import CAUSES
from unseen.report.pictures import audit_chart, file_uri, roc_chart
from unseen.report.results import Results
from unseen.report.templates import environment


def render(results: Results, sets: list[dict[str, Any]], metrics: Path) -> str:
    """The page as HTML, the same bytes for the same numbers.

    Args:
        results: from `read_results`.
        sets: from `described`.
        metrics: holds the pictures of GANs and autoencoders.
    """
    pairs = results.params.pairs()
    versions = {f"{name} {version}" for card in results.cards.values() for name, version in card["versions"].items()}
    return (
        environment(results)
        .get_template("page.html")
        .render(
            best=results.leaderboard.iloc[0].to_dict(),
            rows=results.leaderboard.to_dict("records"),
            detectors=results.detectors,
            cards=results.cards,
            pairs=pairs,
            sets=sets,
            charts={pair: Markup(roc_chart(results.roc, pair)) for pair in pairs},
            gans={name: (found, _pictures(metrics / "gans" / name)) for name, found in results.gans.items()},
            twins={
                name: file_uri(metrics / "autoencoders" / name / "twins.png") for name in results.params.autoencoders
            },
            audit=results.audit,
            audit_charts={pair: Markup(audit_chart(found)) for pair, found in results.audit["pairs"].items()},
            causes=CAUSES,
            versions=sorted(versions),
            dump=yaml.safe_dump(results.params.model_dump(), sort_keys=False),
        )
    )


def _pictures(folder: Path) -> dict[str, str]:
    return {name: file_uri(folder / f"{name}.png") for name in ("samples", "neighbours")}
