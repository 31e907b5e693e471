"""Bring one big file over a connection that may break: keep what came, and go on from there, also in a later run."""

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
from unseen.core.files import read_sealed, write_sealed

WAITS = (1.0, 3.0, 9.0)
"""Seconds between tries; there is one try more."""

TIMEOUT = (15.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""

CHUNK = 2**16
"""Bytes: what may be lost where a connection breaks."""

_ENTRY = struct.Struct(">I32s")
"""In the file `sums`, for each piece that came: its length and its SHA-256."""

Ask = Callable[[dict[str, str]], requests.Response]
"""Sends the request with these headers added, and returns the answer, streamed, whatever its status."""


class RefusedError(Exception):
    """The server does not give the file, and asking again would not help."""

    def __init__(self, code: int) -> None:
        super().__init__(f"HTTP status {code}")
        self.code = code


class _TroubleError(Exception):
    """What broke one try; another may do better."""


class _Known(NamedTuple):
    """The file that the kept bytes are the beginning of."""

    validator: str
    total: int | None


def download(ask: Ask, parts: Path, what: str) -> Path:
    """Bring a whole file into `parts`, going on from the bytes that a broken transfer left there.

    Bytes are only added where the server says that the file is still the same (RFC 9110, sections 13.1.5 and 14).

    Args:
        ask: sends the request.
        parts: an existing folder that keeps the bytes that came.
        what: is fetched, for messages.

    Returns:
        The whole file, in `parts`.

    Raises:
        UserError: the network or the disk is in the way, or what comes is no file; the bytes that came stay.
        RefusedError: the server refuses (4xx); the bytes that came stay.
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
        f"{what}: {trouble}, after {len(WAITS) + 1} tries; check the network and run again"
        + (f": it goes on from the {kept / 1e6:.1f} MB that came" if kept else "")
    )


def _kept(parts: Path) -> tuple[int, _Known]:
    """How many bytes there are to go on from, and of what. Damaged bytes, and all after them, are removed."""
    part, note = parts / "bytes", read_sealed(parts / "note.json", "the download starts anew")
    known = _Known(**json.loads(note)) if note else _Known("", None)
    return _verified(part, parts / "sums") if part.exists() and known.validator else 0, known


def _verified(part: Path, sums: Path) -> int:
    """How many of the kept bytes are as they came, by the hashes that were written behind them."""
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
        print(f"{part}: damaged after {good / 1e6:.1f} MB; going on from there", file=sys.stderr)
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
                file.write_bytes(b"")  # before the note: never old bytes with the new file's note
            write_sealed(parts / "note.json", json.dumps(known._asdict()).encode())
        elif not _fits(response, kept, known):
            if response.status_code in (206, 416):  # the file has changed
                part.unlink(missing_ok=True)
            raise _TroubleError(f"the server did not send the file ({response.status_code})")
        _append(response, part, known.total, what)
    return part


def _asked(ask: Ask, headers: dict[str, str], what: str) -> requests.Response:
    """The server's answer, if it has the file. No message quotes an error: those show an address's secrets."""
    try:
        response = ask(headers)
        if response.status_code != 416:  # nothing lies beyond the kept bytes
            response.raise_for_status()
    except requests.HTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        if code < 500:
            raise RefusedError(code) from None
        raise _TroubleError(f"the server fails ({code})") from None
    except requests.exceptions.SSLError:
        raise UserError(
            f"{what}: no safe connection: TLS failed, or the certificate was refused; check the address and "
            "the clock, and point REQUESTS_CA_BUNDLE at the certificate of a proxy in between"
        ) from None
    except requests.exceptions.ProxyError:
        raise _TroubleError("no connection through the proxy") from None
    except requests.Timeout:
        raise _TroubleError("no answer in time") from None
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        raise _TroubleError("no connection") from None
    except requests.RequestException as error:
        raise UserError(f"{what}: could not be asked for ({type(error).__name__}); check the address") from None
    return response


def _fits(response: requests.Response, kept: int, known: _Known) -> bool:
    """Whether these bytes go on from the kept ones, in the same file: some servers don't look at If-Range."""
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    same = _validator(response) in ("", known.validator)
    return bool(response.status_code == 206 and kept and same and found and int(found[1]) == kept)


def _validator(response: requests.Response) -> str:
    """What tells this file from another at the same address; empty where nothing does for certain."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _length(response: requests.Response, what: str) -> int | None:
    """Bytes of the whole file; None where its end shows itself (chunks)."""
    if "text/html" in response.headers.get("Content-Type", ""):
        raise UserError(f"{what}: the answer is a web page, not an archive; look at the address in a browser")
    if "chunked" in response.headers.get("Transfer-Encoding", ""):
        return None
    if "Content-Length" not in response.headers:
        raise UserError(
            f"{what}: the server does not say how long the file is, so nobody could tell if it was cut off; "
            "fetch it yourself and name it below `folders` in params"
        )
    return int(response.headers["Content-Length"])


def _append(response: requests.Response, part: Path, total: int | None, what: str) -> None:
    """Write what comes to the end of the file, as it comes: unpacking would change an archive's bytes."""
    before = part.stat().st_size
    # None: shown only where a person looks on
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
        raise _TroubleError("no more bytes came in time") from None
    except urllib3.exceptions.HTTPError:
        raise _TroubleError("the connection broke") from None
    except OSError as error:
        raise UserError(
            f"{what}: {part.parent} can't be written ({error.strerror}); make room and run again"
        ) from None
    size = part.stat().st_size
    if total is not None and size != total:
        raise _TroubleError(f"{size} bytes came, {total} were announced")
