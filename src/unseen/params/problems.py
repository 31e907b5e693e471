"""What all checks of references between blocks of params share.

Each check is a generator of problems, one line each. A line names its key first, in backticks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from unseen.core.errors import UserError
from unseen.core.settings import did_you_mean

Problems = Iterator[str]
"""Problems, one line each."""


def problem_of(check: Callable[..., None], *arguments: Any) -> Problems:
    """Yield the error message of a check that raises."""
    try:
        check(*arguments)
    except UserError as error:
        yield str(error)


def check_reference(key: str, value: str, allowed: list[str]) -> Problems:
    if value not in allowed:
        yield f"params: `{key}` is {value!r}; {did_you_mean(value, allowed)}"
