"""What the pages share: their style, how a number is written, and what they warn of."""

from pathlib import Path

import jinja2
from markupsafe import Markup

from unseen.report.results import Results


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _interval(found: dict[str, float]) -> str:
    return f"{found['low']:.1%} to {found['high']:.1%}"


def environment(results: Results) -> jinja2.Environment:
    """The templates beside this file; in each, `params`, `marks` and `mark(pair)`, the † of a pair that has one."""

    def mark(pair: str) -> Markup:
        cues = results.marks[pair]
        text = Markup('<sup class="mark" title="its files differ in {}">†</sup>')
        return text.format(", ".join(cues)) if cues else Markup("")

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    found = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    found.filters |= {"percent": _percent, "interval": _interval}
    found.globals |= {"params": results.params, "marks": results.marks, "mark": mark}
    return found
