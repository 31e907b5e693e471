"""Kaggle datasets as zip files. Kaggle's client is used to sign in and to get the file's address.

The client is not used for the download: when it resumes, it appends an error page as if it were data, and it has no
timeout for a server that stops sending.
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
    """A Kaggle dataset as one zip file, downloaded with the user's account."""

    kind: Literal["kaggle"]
    dataset: str = Field(description="owner/name, as in the dataset's address")
    version: int = Field(ge=1, description="version of the dataset; its page lists them")

    has_problems: ClassVar[bool] = True

    @field_validator("dataset")
    @classmethod
    def _owner_and_name(cls, value: str) -> str:
        parts = re.sub(r"^(https?://)?(www\.)?kaggle\.com/(datasets/)?", "", value).strip("/").split("/")
        if parts[0] in ("competitions", "c"):
            raise ValueError(
                "this is a competition, not a dataset; accept its rules on its page, download its zip file there or "
                f"with `kaggle competitions download -c {parts[1] if len(parts) > 1 else 'NAME'}`, and add it to "
                "`folders`, with `path` to the file"
            )
        if value.count("/") != 1 and len(parts) >= 2:
            raise ValueError(f"must be owner/name; did you mean `{parts[0]}/{parts[1]}`?")
        if not re.fullmatch(r"[A-Za-z0-9_-]+/[A-Za-z0-9_-]+", value):
            raise ValueError(
                "must be owner/name, as in the dataset's address; a competition has no owner: download its zip file "
                "and add it to `folders`, with `path` to the file"
            )
        return value


SIGN_IN = (
    "create an API token at https://www.kaggle.com/settings -> API, and set KAGGLE_API_TOKEN to it or save it as "
    "~/.kaggle/access_token (an older key: ~/.kaggle/kaggle.json)"
)


TOKENS, KEY_FILE = ("access_token", "access_token.txt"), "kaggle.json"
"""Files with a token, and with a key in the older format."""

MOST_NAME = 255
"""Maximum length of a file name. A longer KAGGLE_API_TOKEN is the token itself and not a path."""


def has_credentials() -> bool:
    """Whether there are credentials where Kaggle's client looks for them; they are not checked.

    The client is not imported, since the import creates a folder for credentials.
    """
    if os.environ.get("KAGGLE_API_TOKEN") or (os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY")):
        return True
    return bool(_files(*TOKENS, "credentials.json", KEY_FILE))


def problems(archives: Mapping[str, Settings], project: Path) -> Iterator[str]:
    """Yield one line for all archives if there are no credentials.

    Args:
        archives: Kaggle archives by name.
        project: not used.
    """
    names = list(archives)
    if names and not has_credentials():
        others = f" (and {', '.join(names[1:])})" if names[1:] else ""
        yield f"`archives.{names[0]}`{others}: kind `kaggle`, but there are no Kaggle credentials; {SIGN_IN}"


def _files(*names: str) -> list[Path]:
    """The existing files with these names, in the folders that the client searches."""
    home = Path(os.path.expanduser("~"))  # `~` is kept if there is no home
    folders = [home / ".kaggle", Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "kaggle"]
    if own := os.environ.get("KAGGLE_CONFIG_DIR"):
        folders.append(Path(own))
    return [file for folder in folders for name in names if (file := folder / name).is_file()]


def _text_of(file: Path) -> str:
    """Read a file of credentials as UTF-8; the client ignores other encodings or fails on them.

    Raises:
        UserError: the file is not readable, or has another encoding, as from editors and shells on Windows.
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
        raise UserError(f"{where}: has spaces, line breaks or other invalid characters; copy the token again")


def check_credentials() -> None:
    """Check the format of the credentials that the client will use, without a network.

    Raises:
        UserError: they are not readable text, or are incomplete.
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
            raise UserError(f"{file}: is not valid JSON; download it again from Kaggle's settings") from None
        if not isinstance(found, dict) or not all(isinstance(found.get(key), str) for key in ("username", "key")):
            raise UserError(f"{file}: lacks `username` or `key`; download it again from Kaggle's settings")
        _check_token(found["key"] or "-", file)


def fetch(settings: Settings, folder: Path, parts: Path) -> Path:
    """Download one version of a dataset into `folder`, as the zip file that Kaggle makes.

    Args:
        settings: dataset and version.
        folder: existing folder for `NAME.zip`.
        parts: existing folder for partial downloads, which are resumed.

    Returns:
        Path of the zip file.

    Raises:
        UserError: there are no credentials, Kaggle refuses, or the download fails.
    """
    what = f"Kaggle dataset {settings.dataset}, version {settings.version}"
    try:
        part = resume.download(partial(_ask, settings), parts, what)
    except resume.RefusedError as error:
        raise UserError(f"{what}: {_refusal(error.code, settings.dataset)}") from None
    if not zipfile.is_zipfile(part):
        part.unlink()
        raise UserError(f"{what}: the download is not a zip file; run again; if it happens again, open its page")
    return Path(shutil.move(part, folder / f"{settings.dataset.partition('/')[2]}.zip"))


def _ask(settings: Settings, headers: dict[str, str]) -> requests.Response:
    """Request the file's address, which is valid for a limited time, from Kaggle, and then the file."""
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
    """Kaggle's client with the user's credentials."""
    check_credentials()
    try:
        with redirect_stdout(io.StringIO()):  # the client prints a help page
            # Imported here, since the import searches for credentials and creates a folder for them.
            from kaggle.api.kaggle_api_extended import KaggleApi
    except OSError as error:
        raise UserError(
            f"Kaggle's client can't create its folder {error.filename} ({error.strerror}); "
            "set KAGGLE_CONFIG_DIR to a writable folder"
        ) from None
    from kagglesdk import KaggleClient, get_access_token_from_env

    api = KaggleApi()
    try:
        with redirect_stdout(io.StringIO()):
            api.authenticate()
    except SystemExit:
        problem = (
            "Kaggle does not accept the access token" if get_access_token_from_env()[0] else "no Kaggle credentials"
        )
        raise UserError(f"{problem}; {SIGN_IN}") from None
    except (OSError, UnicodeError) as error:
        if isinstance(error, requests.RequestException):
            raise
        raise UserError(f"Kaggle's client can't read the credentials ({error}); {SIGN_IN}") from None
    found = api.config_values
    if not found.get("token") and not (found.get("username") and found.get("key")):
        raise UserError(f"the Kaggle credentials are empty; {SIGN_IN}")
    # api.build_kaggle_client() prints the credentials if VERBOSE is set.
    return KaggleClient(username=found.get("username"), password=found.get("key"), api_token=found.get("token"))


def _refusal(code: int, dataset: str) -> str:
    page = f"https://www.kaggle.com/datasets/{dataset}"
    if code == 401:
        return f"Kaggle refused the credentials (401); {SIGN_IN}"
    if code == 403:
        return (
            f"this account has no access (403); open {page}, accept its licence or rules or ask its owner for "
            "access, and run again; if there is no such page, correct `dataset` in params"
        )
    if code == 404:
        return (
            f"no such dataset or version (404); see {page} and correct `dataset` or `version` in params; for a "
            "competition, download its zip file and add it to `folders`"
        )
    if code == 429:
        return "too many requests to Kaggle (429); wait some minutes and run again"
    return f"Kaggle refuses the request ({code}); see {page}"
