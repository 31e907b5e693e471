"""Requests to a Hugging Face hub: the list of a repository's files, and single files.

Names, tokens and addresses are those of `huggingface_hub`. The transfer is that of other downloads
(`unseen.sources.shared.resume`), because `huggingface_hub` 2 starts a file that was interrupted again, and its
attempts can take minutes.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from unseen.core.errors import UserError
from unseen.sources.hub import refusals
from unseen.sources.hub.select import HubFile, Listing
from unseen.sources.hub.settings import COMMIT, PAGE
from unseen.sources.shared import resume

WAITS = (1.0, 3.0)
"""Seconds between attempts of a request for the list of files; there is one attempt more than waits."""

TIMEOUT = (10.0, 20.0)
"""Timeouts in seconds for a connection and for the response."""

NOT_A_LISTING = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""Errors of `_parsed`, and of the JSON reader before it, for a response that is not a hub's."""


class Hub:
    """A hub: that of HF_ENDPOINT, by default huggingface.co, with the token of HF_TOKEN or of `hf auth login`."""

    def __init__(self) -> None:
        from huggingface_hub import get_token

        self.address = os.environ.get("HF_ENDPOINT", "").rstrip("/") or PAGE
        self._token = get_token()

    def _authorised(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token; a function in place of a header, which requests replaces by passwords of ~/.netrc."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _get(self, url: str, timeout: tuple[float, float], headers: dict[str, str]) -> requests.Response:
        return requests.get(url, headers=headers, auth=self._authorised, stream=True, timeout=timeout)

    def _refusal(self, response: requests.Response, repo: str, commit: str, name: str) -> UserError:
        error = response.headers.get("X-Error-Code", "")
        if response.headers.get("X-Error-Message", "").startswith("Invalid credentials"):
            error = "InvalidToken"
        code = response.status_code
        return refusals.refused(repo, self.address, commit, name, code, error, bool(self._token))

    def listing(self, repo: str, revision: str) -> Listing:
        """Return the files of a repository, with sizes and hashes.

        Args:
            repo: `owner/name`.
            revision: a commit, or empty for the latest commit of `main`.

        Raises:
            UserError: the hub can't be reached or refuses.
        """
        url = f"{self.address}/api/models/{repo}/revision/{revision or 'main'}?blobs=true"
        try:
            response = _tried(lambda: self._get(url, TIMEOUT, {"Accept": "application/json"}))
            if response.status_code != 200:
                raise self._refusal(response, repo, revision, "")
            return _parsed(response.json(), revision)
        except requests.exceptions.SSLError:
            raise UserError(
                f"{repo}: no secure connection to {self.address}; check the clock, and set REQUESTS_CA_BUNDLE to the "
                "certificate of your proxy if there is one"
            ) from None
        except requests.Timeout:
            raise refusals.no_response(repo, self.address, len(WAITS) + 1) from None
        except requests.ConnectionError:
            raise refusals.no_connection(repo, self.address) from None
        except (*NOT_A_LISTING, requests.RequestException):
            raise refusals.not_a_hub(repo, self.address) from None

    def fetch(self, repo: str, commit: str, file: HubFile, parts: Path) -> Path:
        """Download a file into `parts`, resuming a partial download.

        Args:
            repo: `owner/name`.
            commit: the commit.
            file: the file.
            parts: existing folder of this file's partial download.

        Returns:
            Path of the complete file in `parts`.

        Raises:
            UserError: the hub can't be reached or refuses, or the disk is full.
        """
        url = f"{self.address}/{repo}/resolve/{commit}/{quote(file.name)}"

        def ask(headers: dict[str, str]) -> requests.Response:
            response = _tried(lambda: self._get(url, resume.TIMEOUT, headers), (429,))
            if 400 <= response.status_code < 500 and response.status_code != 416:
                raise self._refusal(response, repo, commit, file.name)
            return response

        return resume.download(ask, parts, f"{repo}/{file.name}")


_BUSY = (429, 500, 502, 503, 504)


def _tried(get: Callable[[], requests.Response], again: tuple[int, ...] = _BUSY) -> requests.Response:
    """The response, after some attempts if the server is busy, fails or does not respond in time."""
    for wait in WAITS:
        try:
            response = get()
            if response.status_code not in again:
                return response
            response.close()
        except requests.ReadTimeout:
            pass
        time.sleep(wait)
    return get()


def _parsed(found: Any, revision: str) -> Listing:
    """The list of files in a response of the hub.

    Raises:
        One of NOT_A_LISTING: it is not a response of a hub.
    """
    commit = str(found["sha"])
    if not COMMIT.fullmatch(commit) or (revision and commit != revision):
        raise ValueError(commit)
    files = []
    for item in found["siblings"]:
        lfs = item.get("lfs") or {}
        length = int(lfs.get("size") or item.get("size") or 0)
        blob = "" if lfs else str(item.get("blobId") or "")
        files.append(HubFile(str(item["rfilename"]), length, str(lfs.get("sha256") or ""), blob))
    return Listing(commit, tuple(files), str((found.get("cardData") or {}).get("license") or ""))
