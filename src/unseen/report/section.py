"""A part of the page: what it shows, or why it shows nothing."""

from collections.abc import Mapping
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
