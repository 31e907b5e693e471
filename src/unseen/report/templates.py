"""Shared parts of the pages: template environment, content security policy and notices."""

import base64
import hashlib
from pathlib import Path

import jinja2
from markupsafe import Markup

from unseen.report.results import Measured, Results
from unseen.report.tables import around, percent, speed, thousand

HERE = Path(__file__).parent
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Content security policy: a page loads no other file, also if a name in it contains HTML."""


def policy(script: str) -> str:
    """Return POLICY, extended by the hash of one script (https://www.w3.org/TR/CSP3/#grammardef-hash-source)."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"{POLICY}; script-src 'sha256-{digest}'"


def script() -> str:
    """Return the script that sorts tables."""
    return (HERE / "sort.js").read_text(encoding="utf-8")


def notices(results: Measured) -> list[str]:
    """Return warnings about invalid or doubtful numbers, for the top of both pages."""
    sources = results.params.sources if isinstance(results, Results) else {}
    return [
        f"{name} is from a set that is always held out, but trains in this run: “{source.train_anyway}”. Numbers on "
        "that set are meaningless in this run."
        for name, source in sources.items()
        if source.train_anyway
    ] + [
        f"† {pair}: the stored files of its two classes differ in {', '.join(cues)}. Numbers on this pair may be due "
        "to the files and not to the fakes."
        for pair, cues in results.marks.items()
        if cues
    ]


def breakable(text: str) -> Markup:
    """Allow line breaks in a name after each underscore."""
    return Markup("_<wbr>").join(text.split("_"))


def environment(results: Measured) -> jinja2.Environment:
    """Return the environment of the templates in this folder.

    Its globals are `notices`, `policy`, `own` (whether results are of a run) and `mark(pair)`, the † of a pair.
    """

    def mark(pair: str) -> Markup:
        cues = results.marks.get(pair, [])
        text = Markup('<sup class="mark" title="files differ in {}">†</sup>')
        return text.format(", ".join(cues)) if cues else Markup("")

    loader = jinja2.FileSystemLoader(HERE)
    templates = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters |= {"percent": percent, "thousand": thousand, "interval": around, "speed": speed}
    templates.filters |= {"breakable": breakable}
    own = isinstance(results, Results)
    warned = [*notices(results), *(f"Warning: {warning}." for warning in results.warnings)]
    templates.globals |= {"notices": warned, "mark": mark, "own": own, "policy": POLICY}
    return templates
