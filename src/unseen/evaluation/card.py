"""A detector's model card: intended use, the numbers where it does worst, and limits.

After Mitchell et al. 2019, Model Cards for Model Reporting, arXiv 1810.03993. The text is the template
`card.md` in this folder. The same numbers give the same bytes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from unseen.data.identities import FEW_PEOPLE, people_text
from unseen.evaluation.wording import BETTER, UNCLEAR, WORSE, against_chance, between

Numbers = Mapping[str, Any]

ACTIVE = r"\`*[]<>|"
"""Characters with a meaning in Markdown. Names of generators and licences are other people's text."""

CHANCE = {
    WORSE: "ranks **worse than chance**: check the labels; if they are right, these fakes look more real to it than "
    "the reals",
    UNCLEAR: "ranks **no better than chance**",
    BETTER: "ranks better than chance",
}


def _plain(text: object) -> str:
    """Text on one line, with everything escaped that Markdown or a terminal would interpret."""
    line = " ".join(str(text).split())
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return "".join(f"\\{c}" if c in ACTIVE else c for c in printable)


def _people(split: Numbers) -> str:
    return people_text(split["people"], split.get("without_identity", 0))


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _decimals(value: float) -> str:
    return f"{value:.3f}"


def _several(seeds: Numbers, mean: str, write: Callable[[float], str]) -> str:
    """A number of the network in the folder, the mean over training seeds, and their range."""
    own, values = next(iter(seeds.values())), seeds.values()
    if len(seeds) == 1:
        return mean
    return f"{write(own)}; mean {mean}, seeds {write(min(values))} to {write(max(values))}"


def _rate(found: Numbers) -> str:
    """A share with its interval and n."""
    mean = f"{_percent(found['share'])} ({between(found['share'], found, _percent)}, n {found['n']:,})"
    return _several(found["seeds"], mean, _percent)


def _auc(found: Numbers) -> str:
    mean = f"{_decimals(found['value'])} ({between(found['value'], found, _decimals)})"
    return _several(found["seeds"], mean, _decimals)


def _balanced(pair: Numbers) -> str:
    seeds = pair["intervals"]["balanced_accuracy"]["seeds"]
    return _several(seeds, _percent(pair["balanced_accuracy"]), _percent)


def _ece(pair: Numbers, when: str = "") -> str:
    """The ECE; `when` is `before_temperature`, or empty."""
    seeds = {seed: (one[when] if when else one)["ece"] for seed, one in pair["by_seed"].items()}
    return _several(seeds, _decimals((pair[when] if when else pair)["ece"]), _decimals)


def _mse(pair: Numbers) -> str:
    return _several(pair["intervals"]["mse"]["seeds"], _decimals(pair["mse"]), _decimals)


def _environment() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # it writes Markdown: see `plain`
    )
    found.filters |= {"plain": _plain, "people": _people, "percent": _percent, "rate": _rate, "auc": _auc}
    found.filters |= {"balanced": _balanced, "ece": _ece, "mse": _mse}
    found.filters |= {
        "whole": lambda n: f"{n:,}",
        "decimals": lambda value, digits: f"{value:.{digits}f}",
        "gap": lambda share: "not computed" if share is None else _percent(share),
        "chance": lambda auc: CHANCE[against_chance(auc)],
    }
    return found


def model_card(card: Numbers, metrics: Numbers, licenses: Mapping[str, str]) -> str:
    """The model card of an evaluated detector, as Markdown.

    Args:
        card: its `detector.json`.
        metrics: from `evaluate`. The network of its first training seed is the one in the folder.
        licenses: of each source's pictures. A set without one here holds fakes made by this project.
    """
    train = card["trained_on"]["train"]
    pairs = sorted(
        metrics["pairs"].items(), key=lambda item: (item[1]["auc"]["value"], item[1]["balanced_accuracy"], item[0])
    )
    return (
        _environment()
        .get_template("card.md")
        .render(
            card=card,
            metrics=metrics,
            licenses=licenses,
            seeds=list(pairs[0][1]["auc"]["seeds"]),
            few=train["people"] + train.get("without_identity", 0) < FEW_PEOPLE and not card.get("calibrated_only"),
            pairs=pairs,
            generators=sorted(metrics["generators"].items(), key=lambda item: (item[1]["tpr"]["share"], item[0])),
            sources=sorted(metrics["sources"].items(), key=lambda item: (-item[1]["share"], item[0])),
        )
    )
