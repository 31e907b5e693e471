"""The report: one self-contained HTML page."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from unseen.report import (
    audit,
    board,
    curves,
    diffusion,
    explanations,
    generators,
    groups,
    leave_one_out,
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
    """Return the sections of the page, in the order of use.

    A section without data gives the reason. A page of external predictions leaves out sections that need a run.
    """
    found = [
        verdict.section(results),
        board.section(results),
        generators.section(results),
        leave_one_out.section(results),
        pairs.section(results),
        curves.section(results),
        robustness.section(results),
        groups.section(results),
        speed.section(results),
        explanations.section(results, metrics),
        audit.section(results, sets),
        diffusion.section(results),
        made.section(results, metrics),
    ]
    return [section for section in found if section.missing != OWN_RUN]


def render(results: Measured, sets: list[dict[str, Any]], metrics: Path | None) -> str:
    """Render the page as HTML. Equal results give equal bytes.

    Args:
        results: from `read_results` or, for external predictions, from `external.measured`.
        sets: from `described`; empty for external predictions.
        metrics: folder with the pictures of explanations, GANs and autoencoders; None for external predictions.
    """
    code = script()
    return (
        environment(results)
        .get_template("page.html")
        .render(
            title="unseen: detectors on unseen generators",
            sections=sections(results, sets, metrics),
            policy=policy(code),
            script=Markup(code),
        )
    )
