"""A section of the page."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

OWN_RUN = "needs the pipeline's own run"
"""Value of `Section.missing` that leaves the section out: external predictions have no run."""


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        name: anchor; the template is `section_<name>.html`.
        title: heading, also in the contents.
        data: variables of the template.
        missing: reason why there is no data, in full sentences; empty if there is data.
    """

    name: str
    title: str
    data: Mapping[str, Any] = field(default_factory=dict)
    missing: str = ""


def not_for_ensembles(names: Collection[str]) -> str:
    """Return the reason why a section does not cover ensembles; empty if there are none."""
    if not names:
        return ""
    return (
        f"Not measured for {', '.join(names)}: an ensemble is a rule over the predictions of its members and has no "
        "network of its own; see its members."
    )
