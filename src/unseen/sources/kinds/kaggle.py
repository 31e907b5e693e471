"""A Kaggle dataset as one zip file. Kaggle's client signs in and says where the file lies.

The client could fetch the file too, but it takes an error page that comes while it resumes for the file's next bytes,
and it waits without end for a server that has gone silent.
"""

import codecs
import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import requests
from pydantic import Field, field_validator

from unseen.core.errors import UserError
from unseen.sources.shared import resume
from unseen.sources.shared.settings import ArchiveSettings

if TYPE_CHECKING:
    from kagglesdk import KaggleClient


class Settings(ArchiveSettings):
    """A Kaggle dataset as one zip file, fetched with Kaggle's own client and the user's account."""

    kind: Literal["kaggle"]
    dataset: str = Field(description="owner/name, as in its address")
    version: int = Field(ge=1, description="of the dataset; its page lists them")

    has_problems: ClassVar[bool] = True

    @field_validator("dataset")
    @classmethod
    def _owner_and_name(cls, value: str) -> str:
        parts = re.sub(r"^(https?://)?(www\.)?kaggle\.com/(datasets/)?", "", value).strip("/").split("/")
        if parts[0] in ("competitions", "c"):
            raise ValueError(
                "this is a competition and not a dataset; accept its rules on its page, fetch its zip file there or "
                f"with `kaggle competitions download -c {parts[1] if len(parts) > 1 else 'NAME'}`, and name it below "
                "`folders`, with `path` to the file"
            )
        if value.count("/") != 1 and len(parts) >= 2:
            raise ValueError(f"must be owner/name; did you mean `{parts[0]}/{parts[1]}`?")
        if not re.fullmatch(r"[A-Za-z0-9_-]+/[A-Za-z0-9_-]+", value):
            raise ValueError(
                "must be owner/name, as in the dataset's address; a competition has no owner: fetch its zip file by "
                "hand and name it below `folders`, with `path` to the file"
            )
        return value


SIGN_IN = (
    "create an API token at https://www.kaggle.com/settings -> API, and set KAGGLE_API_TOKEN to it or save it as "
    "~/.kaggle/access_token (an older key: ~/.kaggle/kaggle.json)"
)


TOKENS, KEY_FILE = ("access_token", "access_token.txt"), "kaggle.json"
"""Files with a token of today, and with a key of the older kind."""

MOST_NAME = 255
"""Characters in a file's name. What is longer is the token itself."""


def has_credentials() -> bool:
    """Are there credentials where Kaggle's client looks for them? Whether they are good, only Kaggle knows.

    It does not import the client, which makes a folder for them.
    """
    if os.environ.get("KAGGLE_API_TOKEN") or (os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY")):
        return True
    return bool(_files(*TOKENS, "credentials.json", KEY_FILE))


def problems(archives: Mapping[str, Settings], project: Path) -> Iterator[str]:
    """Nobody is signed in: one line for all archives.

    Args:
        archives: by name.
        project: not used.
    """
    names = list(archives)
    if names and not has_credentials():
        others = f" (and {', '.join(names[1:])})" if names[1:] else ""
        yield f"`archives.{names[0]}`{others} is of Kaggle, and there are no Kaggle credentials here; {SIGN_IN}"


def _files(*names: str) -> list[Path]:
    """Those of the files with these names that are there, in the folders in which the client looks."""
    home = Path(os.path.expanduser("~"))  # stays as it is where there is no home
    folders = [home / ".kaggle", Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "kaggle"]
    if own := os.environ.get("KAGGLE_CONFIG_DIR"):
        folders.append(Path(own))
    return [file for folder in folders for name in names if (file := folder / name).is_file()]


def _text_of(file: Path) -> str:
    """A file of credentials, which the client reads as UTF-8 and otherwise passes over, or breaks on.

    Raises:
        UserError: it can't be read, or is in another encoding, as editors and shells of Windows write it.
    """
    try:
        data = file.read_bytes()
        if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
            raise ValueError
        return data.decode()
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror}") from None
    except ValueError:
        raise UserError(f"{file}: is not plain UTF-8 text; save it as UTF-8 without a byte order mark") from None


def _check_token(token: str, where: object) -> None:
    if not re.fullmatch(r"[!-~]+", token):
        raise UserError(f"{where}: holds spaces, line breaks or letters that no token has; copy the token again")


def check_credentials() -> None:
    """Look at the credentials that the client will use, as far as that is possible without Kaggle.

    Raises:
        UserError: they are not readable as text, or were cut.
    """
    if token := os.environ.get("KAGGLE_API_TOKEN"):
        there = len(token) < MOST_NAME and os.path.exists(token)
        _check_token(_text_of(Path(token)).strip() if there else token, token if there else "KAGGLE_API_TOKEN")
        return
    for file in _files(*TOKENS):
        if token := _text_of(file).strip():
            _check_token(token, file)
            return
    if os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"):
        return
    for file in _files(KEY_FILE):
        try:
            found = json.loads(_text_of(file))
        except ValueError:
            raise UserError(f"{file}: is not whole JSON; download it again from Kaggle's settings") from None
        if not isinstance(found, dict) or not all(isinstance(found.get(key), str) for key in ("username", "key")):
            raise UserError(f"{file}: lacks `username` or `key`; download it again from Kaggle's settings")
        _check_token(found["key"] or "-", file)


def fetch(settings: Settings, folder: Path, parts: Path) -> Path:
    """Download one version of a dataset into `folder`, packed as Kaggle packs it.

    Args:
        settings: dataset and version.
        folder: an existing folder that receives `NAME.zip`.
        parts: an existing folder that keeps what came, to go on from after a break.

    Returns:
        The zip file's path.

    Raises:
        UserError: nobody is signed in, Kaggle refuses, or it can't be had whole.
    """
    what = f"Kaggle dataset {settings.dataset}, version {settings.version}"
    try:
        part = resume.download(partial(_ask, settings), parts, what)
    except resume.RefusedError as error:
        raise UserError(f"{what}: {_refusal(error.code, settings.dataset)}") from None
    if not zipfile.is_zipfile(part):
        part.unlink()
        raise UserError(f"{what}: what came is not a zip file; run again, and look at its page if that comes again")
    return Path(shutil.move(part, folder / f"{settings.dataset.partition('/')[2]}.zip"))


def _ask(settings: Settings, headers: dict[str, str]) -> requests.Response:
    """Ask Kaggle for the file's address, which is good for a while only, and then for the file."""
    client = _signed_in()
    from kagglesdk.datasets.types.dataset_api_service import ApiDownloadDatasetRequest

    wanted = ApiDownloadDatasetRequest()
    wanted.owner_slug, wanted.dataset_slug = settings.dataset.split("/")
    wanted.dataset_version_number = settings.version
    with client, client.datasets.dataset_api_client.download_dataset(wanted) as answer:
        request = answer.request.copy()
    request.headers.update(headers)
    session = requests.Session()
    options = session.merge_environment_settings(request.url, {}, True, None, None)
    return session.send(request, timeout=resume.TIMEOUT, **options)


def _signed_in() -> "KaggleClient":
    """Kaggle's client, with the user's credentials from wherever it looks for them."""
    check_credentials()
    try:
        with redirect_stdout(io.StringIO()):  # it prints a page of help
            # Here, not above: the import looks for credentials, and makes a folder for them.
            from kaggle.api.kaggle_api_extended import KaggleApi
    except OSError as error:
        raise UserError(
            f"Kaggle's client can't make its folder {error.filename} ({error.strerror}); "
            "set KAGGLE_CONFIG_DIR to a folder that you may write to"
        ) from None
    from kagglesdk import KaggleClient, get_access_token_from_env

    api = KaggleApi()
    try:
        with redirect_stdout(io.StringIO()):
            api.authenticate()
    except SystemExit:
        problem = (
            "Kaggle does not know the access token" if get_access_token_from_env()[0] else "no Kaggle credentials"
        )
        raise UserError(f"{problem}; {SIGN_IN}") from None
    except (OSError, UnicodeError) as error:
        if isinstance(error, requests.RequestException):
            raise
        raise UserError(f"Kaggle's client can't read the credentials ({error}); {SIGN_IN}") from None
    found = api.config_values
    if not found.get("token") and not (found.get("username") and found.get("key")):
        raise UserError(f"the Kaggle credentials are empty; {SIGN_IN}")
    # api.build_kaggle_client() would print the credentials where VERBOSE is set.
    return KaggleClient(username=found.get("username"), password=found.get("key"), api_token=found.get("token"))


def _refusal(code: int, dataset: str) -> str:
    page = f"https://www.kaggle.com/datasets/{dataset}"
    if code == 401:
        return f"Kaggle refused the credentials (401); {SIGN_IN}"
    if code == 403:
        return (
            f"Kaggle does not give it to this account (403); open {page}, accept its licence or rules or ask its "
            "owner for access, and run again; if there is no such page, correct `dataset` in params"
        )
    if code == 404:
        return (
            f"no such dataset or version (404); look at {page} and correct `dataset` or `version` in params; a "
            "competition is no dataset: fetch its zip file by hand and name it below `folders`"
        )
    if code == 429:
        return "Kaggle was asked too often (429); wait some minutes and run again"
    return f"Kaggle refuses ({code}); look at {page}"
