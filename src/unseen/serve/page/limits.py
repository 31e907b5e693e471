"""The limits of a server on bytes, pictures, pixels, faces, seconds and requests, and the errors beyond them.

The bytes of a body are counted while they arrive. A body is kept in memory and never written to a file.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

MB = 1_000_000


class RefusedError(Exception):
    """A request is refused.

    Attributes:
        status: HTTP status.
        error: error code.
        detail: reason in one sentence.
        headers: additional headers of the response.
    """

    def __init__(self, status: int, error: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, error, detail)
        self.status, self.error, self.detail, self.headers = status, error, detail, dict(headers or {})


@dataclass(frozen=True)
class Limits:
    """The limits of a server. At most `queue` bodies are in memory, so they use at most `queue` x `batch_bytes`.

    Attributes:
        bytes: maximum size of a picture's file.
        batch_bytes: maximum size of all files of a batch together.
        batch: maximum number of pictures in a batch.
        pixels: maximum width x height of a picture; a larger one is not decoded.
        faces: maximum number of faces; a picture with more is not scored.
        seconds: time limit for the upload, for the wait, and for the scoring of a picture, each.
        queue: maximum number of requests that are being uploaded, waiting or being scored.
    """

    bytes: int = 20 * MB
    batch_bytes: int = 40 * MB
    batch: int = 16
    pixels: int = 50 * MB
    faces: int = 50
    seconds: float = 30.0
    queue: int = 16


def too_large(most: int) -> RefusedError:
    """Return the error for a body above `most` bytes. The connection is closed, because the rest of the body is not
    read."""
    detail = f"the body is larger than {most / MB:g} MB"
    return RefusedError(413, "body_too_large", detail, {"Connection": "close"})


async def counted(chunks: AsyncIterator[bytes], most: int, announced: str | None = None) -> AsyncIterator[bytes]:
    """Yield the chunks of a body up to `most` bytes.

    Args:
        chunks: chunks of the body.
        most: maximum number of bytes.
        announced: the header `Content-Length`; if it is too large, the body is refused before it is read.

    Raises:
        RefusedError: 413; the body is larger.
    """
    if announced and announced.isdecimal() and int(announced[:20]) > most:
        raise too_large(most)
    so_far = 0
    async for chunk in chunks:
        so_far += len(chunk)
        if so_far > most:
            raise too_large(most)
        yield chunk


@asynccontextmanager
async def upload_time(seconds: float) -> AsyncIterator[None]:
    """Limit a block to `seconds`, so that a slow client does not occupy a place for long.

    Raises:
        RefusedError: 408; the block took longer.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        detail = f"the upload took longer than {seconds:g} s"
        raise RefusedError(408, "upload_too_slow", detail, {"Connection": "close"}) from None


@dataclass
class Places:
    """A limited number of places for requests in progress. A request takes a place before its body is read.

    Attributes:
        most: number of places.
        taken: number of taken places.
        usual: moving average of the seconds per request, for the header `Retry-After`.
    """

    most: int
    taken: int = 0
    usual: float = field(default=0.5)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place for the block.

        Raises:
            RefusedError: 429; all places are taken.
        """
        if self.taken >= self.most:
            wait = str(max(1, math.ceil(self.usual * self.taken / 2)))
            headers = {"Retry-After": wait, "Connection": "close"}
            raise RefusedError(429, "queue_full", f"{self.taken} requests are in progress; try again later", headers)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    def note(self, seconds: float) -> None:
        """Add the time of a scored picture to the average."""
        self.usual += 0.1 * (seconds - self.usual)
