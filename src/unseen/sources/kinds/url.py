"""Archives from a web address."""

import re
import shutil
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

import requests
from pydantic import Field

from unseen.core.errors import UserError
from unseen.sources.shared import resume
from unseen.sources.shared.settings import ArchiveSettings


class Settings(ArchiveSettings):
    """An archive from a web address."""

    kind: Literal["url"]
    url: str = Field(pattern=r"^https?://[^\s]+$", description="address of the file")


def fetch(settings: Settings, folder: Path, parts: Path) -> Path:
    """Download one file over http or https into `folder`.

    Args:
        settings: the address.
        folder: existing folder for the archive, which is named after the last part of the address.
        parts: existing folder for partial downloads, which are resumed.

    Returns:
        Path of the archive.

    Raises:
        UserError: the download fails.
    """
    address = urlsplit(settings.url)
    # passwords and signatures of the address must not be logged
    shown = f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"
    try:
        part = resume.download(partial(_ask, settings.url), parts, shown)
    except resume.RefusedError as error:
        raise UserError(f"{shown}: {_refusal(error.code)}") from None
    return Path(shutil.move(part, folder / _name(address.path)))


def _ask(url: str, headers: dict[str, str]) -> requests.Response:
    return requests.get(url, headers=headers, stream=True, timeout=resume.TIMEOUT)


def _name(path: str) -> str:
    """A safe file name from the last part of the address's path."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", unquote(path).rpartition("/")[2]).lstrip(".")
    return name[-100:] or "archive"


def _refusal(code: int) -> str:
    if code in (404, 410):
        return f"not found ({code}); correct `url` in params"
    if code in (401, 403):
        return (
            f"access denied ({code}); if the server requires a form or a login, "
            "download the file yourself and use `kind: manual` in params"
        )
    if code == 429:
        return "too many requests (429); wait some minutes and run again"
    return f"the server refuses the request ({code}); open the address in a browser"
