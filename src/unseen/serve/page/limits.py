"""The limits of a server: bytes, pictures, pixels, faces, seconds and requests; and the refusals beyond them.

A body is counted while it arrives. It is held in memory and never in a file.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

MB = 1_000_000


class RefusedError(Exception):
    """A request that gets no answer but a reason.

    Attributes:
        status: HTTP status.
        error: a code.
        detail: one sentence.
        headers: of the response.
    """

    def __init__(self, status: int, error: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, error, detail)
        self.status, self.error, self.detail, self.headers = status, error, detail, dict(headers or {})


@dataclass(frozen=True)
class Limits:
    """The limits of a server. At most `queue` bodies are in memory, so they take at most `queue` x `batch_bytes`.

    Attributes:
        bytes: of a picture's file.
        batch_bytes: of all files of a batch together.
        batch: pictures of a batch.
        pixels: width x height of a picture; a larger one is not decoded.
        faces: in a picture; a picture with more is not scored.
        seconds: for the upload, for the wait, and for the scoring of a picture, each.
        queue: requests that are uploaded, wait or are scored at the same time.
    """

    bytes: int = 20 * MB
    batch_bytes: int = 40 * MB
    batch: int = 16
    pixels: int = 50 * MB
    faces: int = 50
    seconds: float = 30.0
    queue: int = 16


def too_large(most: int) -> RefusedError:
    """The refusal of a body above `most` bytes. The connection is closed, since the rest of the body isn't read."""
    detail = f"the body is larger than {most / MB:g} MB"
    return RefusedError(413, "body_too_large", detail, {"Connection": "close"})


async def counted(chunks: AsyncIterator[bytes], most: int, announced: str | None = None) -> AsyncIterator[bytes]:
    """Yield the chunks of a body until they are more than `most` bytes.

    Args:
        chunks: of the body.
        most: bytes.
        announced: the header `Content-Length`; a large one is refused before anything is read.

    Raises:
        RefusedError: 413.
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
    """A block that must end within `seconds`, so that a slow client holds no place for long.

    Raises:
        RefusedError: 408.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        detail = f"the upload took longer than {seconds:g} s"
        raise RefusedError(408, "upload_too_slow", detail, {"Connection": "close"}) from None


@dataclass
class Places:
    """The places for requests that are in work. A request takes one before its body is read.

    Attributes:
        most: places.
        taken: of these.
        usual: seconds that a request takes, a moving average; for the header `Retry-After`.
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
            raise RefusedError(429, "queue_full", f"{self.taken} requests are in work; try again later", headers)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    def note(self, seconds: float) -> None:
        """Add the time of a scored picture to the average."""
        self.usual += 0.1 * (seconds - self.usual)
