"""An archive behind an address."""

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
    """An archive behind an address."""

    kind: Literal["url"]
    url: str = Field(pattern=r"^https?://[^\s]+$", description="address of the file")


def fetch(settings: Settings, folder: Path, parts: Path) -> Path:
    """Download one file over http or https into `folder`.

    Args:
        settings: the address.
        folder: an existing folder that receives the archive, named like the end of the address.
        parts: an existing folder that keeps what came, to go on from after a break.

    Returns:
        The archive's path.

    Raises:
        UserError: it can't be had whole.
    """
    address = urlsplit(settings.url)
    # neither a password nor a signature in the address belongs in a log
    shown = f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"
    try:
        part = resume.download(partial(_ask, settings.url), parts, shown)
    except resume.RefusedError as error:
        raise UserError(f"{shown}: {_refusal(error.code)}") from None
    return Path(shutil.move(part, folder / _name(address.path)))


def _ask(url: str, headers: dict[str, str]) -> requests.Response:
    return requests.get(url, headers=headers, stream=True, timeout=resume.TIMEOUT)


def _name(path: str) -> str:
    """A safe file name from the last part of an address's path."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", unquote(path).rpartition("/")[2]).lstrip(".")
    return name[-100:] or "archive"


def _refusal(code: int) -> str:
    if code in (404, 410):
        return f"nothing is there ({code}); correct `url` in params"
    if code in (401, 403):
        return (
            f"the server does not give it to everybody ({code}); if it wants a form or a login, "
            "fetch it yourself and name it in params with `kind: manual`"
        )
    if code == 429:
        return "the server was asked too often (429); wait a while and run again"
    return f"the server refuses ({code}); look at the address in a browser"
