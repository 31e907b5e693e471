"""The report: one HTML page that needs nothing but itself."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from unseen.report import (
    audit,
    board,
    curves,
    explanations,
    generators,
    groups,
    made,
    pairs,
    robustness,
    speed,
    verdict,
)
from unseen.report.results import Measured
from unseen.report.section import OWN_RUN, Section
from unseen.report.templates import environment, policy, script


def sections(results: Measured, sets: list[dict[str, Any]], metrics: Path | None) -> list[Section]:
    """The parts of the page in the order in which a user acts on them.

    A part of a run of the pipeline that can't be made says why. A page of predictions alone leaves out what needs
    more.
    """
    found = [
        verdict.section(results),
        board.section(results),
        generators.section(results),
        pairs.section(results),
        curves.section(results),
        robustness.section(results),
        groups.section(results),
        speed.section(results),
        explanations.section(results, metrics),
        audit.section(results, sets),
        made.section(results, metrics),
    ]
    return [section for section in found if section.missing != OWN_RUN]


def render(results: Measured, sets: list[dict[str, Any]], metrics: Path | None) -> str:
    """The page as HTML, the same bytes for the same numbers.

    Args:
        results: from `read_results`, or of external predictions, from `external.measured`.
        sets: from `described`; none where there are only predictions.
        metrics: holds the pictures of explanations, GANs and autoencoders; None where there are only predictions.
    """
    code = script()
    return (
        environment(results)
        .get_template("page.html")
        .render(
            title="unseen: detectors on what they have not seen",
            sections=sections(results, sets, metrics),
            policy=policy(code),
            script=Markup(code),
        )
    )
