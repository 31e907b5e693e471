"""Read `metrics/findings.json`, which may come from another machine."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from unseen.core.errors import UserError


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Number(_Part):
    value: float
    range: tuple[float, float] | None


class _Claim(_Part):
    found: str = Field(alias="is")
    stated: bool
    numbers: list[str] = []


class _Findings(_Part):
    """The keys that are compared. `unseen.report.findings` writes more."""

    params: str
    training_seeds: int
    exact: dict[str, int]
    numbers: dict[str, _Number]
    claims: dict[str, _Claim]


def parse_findings(text: str, where: str) -> dict[str, Any]:
    """Parse the text of a file of findings.

    Args:
        text: the content of the file.
        where: the file's name in messages.

    Raises:
        UserError: it is not a file of findings.
    """
    try:
        found: dict[str, Any] = json.loads(text)
        _Findings.model_validate_json(text)
    except (ValueError, RecursionError):
        raise UserError(f"{where}: not a file of findings; give metrics/findings.json of a run") from None
    return found
