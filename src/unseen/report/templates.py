"""What the pages share: their style, how a number is written, what they may load, and what they warn of."""

import base64
import hashlib
from pathlib import Path

import jinja2
from markupsafe import Markup

from unseen.report.results import Measured, Results
from unseen.report.tables import around, percent, speed

HERE = Path(__file__).parent
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""A page loads nothing but itself, whatever a name in it may say."""


def policy(script: str) -> str:
    """POLICY, and this one script by its hash (https://www.w3.org/TR/CSP3/#grammardef-hash-source)."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"{POLICY}; script-src 'sha256-{digest}'"


def script() -> str:
    """The script of the page, which sorts tables."""
    return (HERE / "sort.js").read_text(encoding="utf-8")


def notices(results: Measured) -> list[str]:
    """What makes numbers mean something else than they seem to, a sentence each."""
    sources = results.params.sources if isinstance(results, Results) else {}
    return [
        f"{name} belongs to a set that is held out for good, and trains here: “{source.train_anyway}”. No number on "
        "that set means anything in this run."
        for name, source in sources.items()
        if source.train_anyway
    ] + [
        f"† {pair}: the stored files of its two classes differ in {', '.join(cues)}. Numbers on this pair may be "
        "about files and not about fakes."
        for pair, cues in results.marks.items()
        if cues
    ]


def breakable(text: str) -> Markup:
    """A name that may go on in the next line after each underscore, and nowhere else."""
    return Markup("_<wbr>").join(text.split("_"))


def environment(results: Measured) -> jinja2.Environment:
    """The templates beside this file; in each, `notices`, `policy`, `own`, whether the pipeline made these results,
    and `mark(pair)`, the † of a pair that has one."""

    def mark(pair: str) -> Markup:
        cues = results.marks.get(pair, [])
        text = Markup('<sup class="mark" title="its files differ in {}">†</sup>')
        return text.format(", ".join(cues)) if cues else Markup("")

    loader = jinja2.FileSystemLoader(HERE)
    found = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.filters |= {"percent": percent, "interval": around, "speed": speed, "breakable": breakable}
    own = isinstance(results, Results)
    told = [*notices(results), *(f"Warning: {warning}." for warning in results.warnings)]
    found.globals |= {"notices": told, "mark": mark, "own": own, "policy": POLICY}
    return found
