"""Read uploaded pictures from the body of a request, in memory."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from unseen.serve.page.limits import Limits, RefusedError, counted, too_large, upload_time

RAW = ("application/octet-stream", "image/")
"""Media types, or their prefixes, of a body that is the file itself."""

FORM = "multipart/form-data"

CHARSETS = ("utf-8", "us-ascii", "iso-8859-1")
"""Allowed charsets of the names and fields of a form. The parser accepts all Python codecs: `undefined` raises
errors, `unicode_escape` gives text that can't be sent as UTF-8, and `punycode` takes quadratic time."""

FIELDS = 8
"""Maximum number of form parts without a file name. They are ignored."""

OVERHEAD = 65_536
"""Bytes of a form in addition to the files: boundaries, headers and names."""

CLOSE = {"Connection": "close"}
"""Header of a response that is sent before the body is read."""

# This logger prints bytes of damaged forms.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Upload:
    """An uploaded picture: its bytes, and the file name from the client, which is never opened."""

    data: bytes
    name: str = ""


class _InMemory(MultiPartParser):
    """Starlette's form parser writes files above 1 MB to disk; this one keeps all files in memory."""

    spool_max_size = 2**62


def check_type(request: Request, form_only: bool = False) -> None:
    """Check the media type of a request.

    Raises:
        RefusedError: 415.
    """
    found = _media_type(request)
    if found == FORM or (not form_only and found.startswith(RAW)):
        return
    allowed = FORM if form_only else f"{FORM}, image/* or application/octet-stream"
    raise RefusedError(415, "media_type", f"the media type {found[:60]!r} is not supported; send {allowed}", CLOSE)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def _form(request: Request, chunks: AsyncIterator[bytes], files: int) -> FormData:
    """Parse a form.

    Raises:
        RefusedError: 400 or 422; the form is damaged, or has too many files.
    """
    options = parse_options_header(request.headers["content-type"])[1]
    charset = options.get(b"charset", b"utf-8").decode("latin-1").lower()
    if charset not in CHARSETS:
        raise RefusedError(400, "form", f"the form has the charset {charset[:60]!r}; send UTF-8", CLOSE)
    parser = _InMemory(request.headers, chunks, max_files=files, max_fields=FIELDS)  # type: ignore[arg-type]
    try:
        return await parser.parse()
    except MultiPartException as error:
        if "files" in error.message:
            raise RefusedError(422, "too_many_pictures", f"more than {files} files in the form", CLOSE) from None
        raise RefusedError(400, "form", f"the form is damaged: {error.message}", CLOSE) from None


async def read_uploads(request: Request, limits: Limits, batch: bool = False) -> list[Upload]:
    """Read the pictures of a request; exactly one unless `batch` is True.

    Raises:
        RefusedError: 400, 408, 413 or 422.
    """
    form = _media_type(request) == FORM
    most = (limits.batch_bytes if batch else limits.bytes) + (OVERHEAD if form else 0)
    chunks = counted(request.stream(), most, request.headers.get("content-length"))
    async with upload_time(limits.seconds):
        if not form:
            return [Upload(b"".join([chunk async for chunk in chunks]))]
        parsed = await _form(request, chunks, limits.batch if batch else 1)
    try:
        files = [one for _, one in parsed.multi_items() if isinstance(one, UploadFile)]
        if not files:
            raise RefusedError(422, "no_picture", "the form has no file; send one as the field `file`")
        if any((one.size or 0) > limits.bytes for one in files):
            raise too_large(limits.bytes)
        return [Upload(one.file.read(), one.filename or "") for one in files]
    finally:
        await parsed.close()
