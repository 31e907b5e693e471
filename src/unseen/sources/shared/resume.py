"""Resumable download of one large file; later runs resume as well."""

import hashlib
import json
import os
import re
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import requests
import urllib3
from tqdm import tqdm

from unseen.core.errors import UserError
from unseen.core.sealed import read_sealed, write_sealed

WAITS = (1.0, 3.0, 9.0)
"""Seconds between attempts; there is one attempt more than waits."""

TIMEOUT = (15.0, 60.0)
"""Timeouts in seconds for a connection, and for the next bytes."""

CHUNK = 2**16
"""Bytes per chunk; at most one chunk is lost if the connection breaks."""

_ENTRY = struct.Struct(">I32s")
"""Entry of the file `sums` for each chunk: its length and SHA-256."""

Ask = Callable[[dict[str, str]], requests.Response]
"""Sends the request with additional headers, and returns the streamed response of any status."""


class RefusedError(Exception):
    """The server refuses the file, and trying again would not help."""

    def __init__(self, code: int) -> None:
        super().__init__(f"HTTP status {code}")
        self.code = code


class _TroubleError(Exception):
    """An attempt failed; another may succeed."""


class _Known(NamedTuple):
    """The file of the partial download: its validator (ETag or date) and total size in bytes."""

    validator: str
    total: int | None


def download(ask: Ask, parts: Path, what: str) -> Path:
    """Download a file into `parts`, resuming a partial download.

    Bytes are only appended if the server confirms that the file has not changed (RFC 9110, sections 13.1.5 and 14).

    Args:
        ask: sends the request.
        parts: existing folder for the partial download, which is kept if an error is raised.
        what: name of the download, for messages.

    Returns:
        Path of the complete file in `parts`.

    Raises:
        UserError: the network or the disk fails, or the response is not a file.
        RefusedError: the server refuses (4xx).
    """
    trouble = ""
    for wait in (0.0, *WAITS):
        time.sleep(wait)
        try:
            return _one_try(ask, parts, what)
        except _TroubleError as error:
            trouble = str(error)
    kept = _kept(parts)[0]
    raise UserError(
        f"{what}: {trouble}, after {len(WAITS) + 1} attempts; check the network and run again"
        + (f": the download resumes after {kept / 1e6:.1f} MB" if kept else "")
    )


def _kept(parts: Path) -> tuple[int, _Known]:
    """The number of bytes to resume from, and their file. Damaged bytes and all bytes after them are removed."""
    part, note = parts / "bytes", read_sealed(parts / "note.json", "the download starts again")
    known = _Known(**json.loads(note)) if note else _Known("", None)
    return _verified(part, parts / "sums") if part.exists() and known.validator else 0, known


def _verified(part: Path, sums: Path) -> int:
    """The number of undamaged bytes in the partial download, by their recorded hashes."""
    good, entries, broken = 0, 0, False
    with part.open("rb") as file, sums.open("a+b") as record:
        record.seek(0)
        while len(entry := record.read(_ENTRY.size)) == _ENTRY.size:
            length, digest = _ENTRY.unpack(entry)
            data = file.read(length)
            if hashlib.sha256(data).digest() != digest:
                broken = len(data) == length
                break
            good, entries = good + length, entries + 1
        record.truncate(entries * _ENTRY.size)
    if broken:
        print(f"{part}: damaged after {good / 1e6:.1f} MB; resuming from there", file=sys.stderr)
    if part.stat().st_size > good:
        os.truncate(part, good)
    return good


def _one_try(ask: Ask, parts: Path, what: str) -> Path:
    part = parts / "bytes"
    kept, known = _kept(parts)
    if kept and kept == known.total:
        return part
    headers = {"Accept-Encoding": "identity"}
    if kept:
        headers |= {"Range": f"bytes={kept}-", "If-Range": known.validator}
    with _asked(ask, headers, what) as response:
        if response.status_code == 200:
            known = _Known(_validator(response), _length(response, what))
            for file in (part, parts / "sums"):
                file.write_bytes(b"")  # before the note, so that old bytes never have a new note
            write_sealed(parts / "note.json", json.dumps(known._asdict()).encode())
        elif not _fits(response, kept, known):
            if response.status_code in (206, 416):  # the file has changed
                part.unlink(missing_ok=True)
            raise _TroubleError(f"the server did not send the file ({response.status_code})")
        _append(response, part, known.total, what)
    return part


def _asked(ask: Ask, headers: dict[str, str], what: str) -> requests.Response:
    """The server's response if it has the file. Messages do not quote errors, which may contain secret addresses."""
    try:
        response = ask(headers)
        if response.status_code != 416:  # no bytes after the kept ones
            response.raise_for_status()
    except requests.HTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        if code < 500:
            raise RefusedError(code) from None
        raise _TroubleError(f"the server fails ({code})") from None
    except requests.exceptions.SSLError:
        raise UserError(
            f"{what}: no secure connection: TLS failed, or the certificate is not valid; check the address and "
            "the clock, and set REQUESTS_CA_BUNDLE to the certificate of your proxy if there is one"
        ) from None
    except requests.exceptions.ProxyError:
        raise _TroubleError("no connection through the proxy") from None
    except requests.Timeout:
        raise _TroubleError("no response in time") from None
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        raise _TroubleError("no connection") from None
    except requests.RequestException as error:
        raise UserError(f"{what}: the request failed ({type(error).__name__}); check the address") from None
    return response


def _fits(response: requests.Response, kept: int, known: _Known) -> bool:
    """Whether the response continues the kept bytes of the same file; some servers ignore If-Range."""
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    same = _validator(response) in ("", known.validator)
    return bool(response.status_code == 206 and kept and same and found and int(found[1]) == kept)


def _validator(response: requests.Response) -> str:
    """The ETag or date that identifies this version of the file; empty if there is none."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _length(response: requests.Response, what: str) -> int | None:
    """Size of the file in bytes; None for chunked responses, which mark their end."""
    if "text/html" in response.headers.get("Content-Type", ""):
        raise UserError(f"{what}: the response is a web page, not an archive; open the address in a browser")
    if "chunked" in response.headers.get("Transfer-Encoding", ""):
        return None
    if "Content-Length" not in response.headers:
        raise UserError(
            f"{what}: the server does not state the file's size, so a truncated download can't be detected; "
            "download it yourself and add it to `folders` in params"
        )
    return int(response.headers["Content-Length"])


def _append(response: requests.Response, part: Path, total: int | None, what: str) -> None:
    """Append the response to the file, without decoding, which would change the bytes of an archive."""
    before = part.stat().st_size
    # disable=None: shown only on a terminal
    bar = tqdm(total=total, initial=before, desc=what, unit="B", unit_scale=True, disable=None)
    try:
        with bar, part.open("ab") as file, part.with_name("sums").open("ab") as record:
            for data in response.raw.stream(CHUNK, decode_content=False):
                file.write(data)
                file.flush()
                record.write(_ENTRY.pack(len(data), hashlib.sha256(data).digest()))
                record.flush()
                bar.update(len(data))
    except urllib3.exceptions.ReadTimeoutError:
        raise _TroubleError("no more bytes in time") from None
    except urllib3.exceptions.HTTPError:
        raise _TroubleError("the connection broke") from None
    except OSError as error:
        raise UserError(
            f"{what}: {part.parent} can't be written ({error.strerror}); free disk space and run again"
        ) from None
    size = part.stat().st_size
    if total is not None and size != total:
        raise _TroubleError(f"received {size} of {total} bytes")
