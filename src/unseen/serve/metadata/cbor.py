"""Decode CBOR (RFC 8949) as used in C2PA claims and assertions, with limits on depth and on the number of items."""

import struct
from typing import Any

MOST_DEPTH = 32
MOST_ITEMS = 50_000


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._items = data, 0, 0

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self._at:
            raise ValueError("CBOR ends early")
        self._at += count
        return self._data[self._at - count : self._at]

    def _number(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise ValueError("CBOR: invalid length")
        return int.from_bytes(self._take(1 << (info - 24)), "big")

    def _text(self, kind: int, info: int) -> bytes:
        """Read a byte string or text, which may be split into pieces."""
        if info != 31:
            return self._take(self._number(info))
        pieces = []
        while (first := self._take(1)[0]) != 0xFF:
            self._count()
            if first >> 5 != kind or first & 31 == 31:
                raise ValueError("CBOR: invalid piece of a string")
            pieces.append(self._take(self._number(first & 31)))
        return b"".join(pieces)

    def _count(self) -> None:
        self._items += 1
        if self._items > MOST_ITEMS:
            raise ValueError("CBOR has too many items")

    def _ended(self, info: int, done: int, count: int) -> bool:
        """Whether an array or map is complete. If it has no length, it ends with a break."""
        if info != 31:
            return done >= count
        if self._data[self._at : self._at + 1] == b"\xff":
            self._at += 1
            return True
        return False

    def value(self, depth: int = 0) -> Any:
        """Read the next value. A map becomes a dictionary with text keys."""
        if depth > MOST_DEPTH:
            raise ValueError("CBOR is nested too deeply")
        self._count()
        kind, info = divmod(self._take(1)[0], 32)
        if kind in (2, 3):
            text = self._text(kind, info)
            return text.decode("utf-8", "replace") if kind == 3 else text
        if kind == 7:
            return self._simple(info)
        number = 0 if info == 31 and kind in (4, 5) else self._number(info)
        if kind == 4:
            items: list[Any] = []
            while not self._ended(info, len(items), number):
                items.append(self.value(depth + 1))
            return items
        if kind == 5:
            pairs: dict[str, Any] = {}
            done = 0
            while not self._ended(info, done, number):
                key, value = self.value(depth + 1), self.value(depth + 1)
                if isinstance(key, str):
                    pairs[key] = value
                done += 1
            return pairs
        if kind == 6:
            return self.value(depth + 1)  # a tag, such as of a date
        return -1 - number if kind == 1 else number

    def _simple(self, info: int) -> Any:
        if info in (20, 21):
            return info == 21
        if info in (25, 26, 27):
            return struct.unpack({25: ">e", 26: ">f", 27: ">d"}[info], self._take(1 << (info - 24)))[0]
        if info == 24:
            self._take(1)
        elif info > 23:
            raise ValueError("CBOR: invalid value")
        return None


def decode(data: bytes) -> Any:
    """Decode the first value of `data`. Map entries whose key is not text are skipped.

    Raises:
        ValueError: the bytes are not CBOR, or exceed the limits.
    """
    return _Decoder(data).value()
