"""A part of the page: what it shows, or why it shows nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

OWN_RUN = "needs the pipeline's own run"
"""Why a page of predictions alone leaves a part out."""


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: its anchor; its template is `section_<name>.html`.
        title: its heading, and its line in the contents.
        data: what its template shows.
        missing: why there is nothing to show, in whole sentences; empty where there is.
    """

    name: str
    title: str
    data: Mapping[str, Any] = field(default_factory=dict)
    missing: str = ""


def not_for_ensembles(names: Collection[str]) -> str:
    """Why a part of the page has no numbers of ensembles; empty where there are no ensembles."""
    if not names:
        return ""
    return (
        f"Not measured for {', '.join(names)}: an ensemble is a rule over the predictions of its members and has no "
        "network of its own; see its members."
    )
