"""Read the first tag directory of a TIFF file or an EXIF block (TIFF 6.0, BigTIFF)."""

import struct
from dataclasses import dataclass, field

_TYPE_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4, 16: 8}
"""Bytes per value, by type."""


@dataclass
class Directory:
    """The first directory of tags in a TIFF file or an EXIF block."""

    data: bytes
    order: str
    big: bool
    start: int
    entries: list[bytes] = field(default_factory=list)

    @classmethod
    def read(cls, data: bytes) -> "Directory":
        """Read the directory. Entries beyond the end of the data are ignored.

        Raises:
            ValueError: there is no directory.
        """
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        if order is None:
            raise ValueError("no TIFF structure")
        try:
            big = struct.unpack_from(order + "H", data, 2)[0] == 43
            start = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
            count = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
        except (struct.error, OverflowError) as error:
            raise ValueError("no directory") from error
        found = cls(data, order, big, start)
        first, width = found.first(), found.width()
        fitting = min(count, max(len(data) - first, 0) // width)
        found.entries = [data[first + i * width : first + (i + 1) * width] for i in range(fitting)]
        return found

    def first(self) -> int:
        """Offset of the first entry."""
        return self.start + (8 if self.big else 2)

    def width(self) -> int:
        """Bytes per entry."""
        return 20 if self.big else 12

    def tag(self, entry: bytes) -> int:
        """The tag of an entry."""
        return int(struct.unpack_from(self.order + "H", entry)[0])

    def value(self, tag: int) -> tuple[int, bytes]:
        """The type and the bytes of a tag; 0 and `b""` if it is missing or outside of the data."""
        for entry in self.entries:
            if self.tag(entry) == tag:
                _, kind, count = struct.unpack_from(self.order + ("HHQ" if self.big else "HHI"), entry)
                inline = entry[12:] if self.big else entry[8:]
                length = _TYPE_WIDTHS.get(kind, 0) * count
                if length > len(inline):
                    offset = struct.unpack(self.order + ("Q" if self.big else "I"), inline)[0]
                    inline = self.data[offset : offset + length]
                return (kind, inline[:length]) if 0 < length <= len(inline) else (0, b"")
        return 0, b""

    def number(self, tag: int) -> int:
        """The value of a tag with one integer; 0 if it is missing or has another type."""
        kind, value = self.value(tag)
        code = {1: "B", 3: "H", 4: "I"}.get(kind)
        return int(struct.unpack(self.order + code, value)[0]) if code and len(value) == struct.calcsize(code) else 0

    def binary(self, tag: int) -> bytes:
        """The value of a tag with bytes; `b""` if it is missing or has another type."""
        kind, value = self.value(tag)
        return value if kind in (1, 2, 7) else b""
