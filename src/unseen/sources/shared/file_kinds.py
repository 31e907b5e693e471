"""Describes a file that is not a readable archive, from its first bytes."""

import html
import re
from pathlib import Path

BEGINNINGS = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive, which is not supported; unpack it and pack it again as zip or tar",
    b"Rar!": "a RAR archive, which is not supported; unpack it and pack it again as zip or tar",
    b"\x28\xb5\x2f\xfd": "compressed with zstd, which is not supported; unpack it and pack it again as zip or tar",
    b"\x04\x22\x4d\x18": "compressed with LZ4, which is not supported; unpack it and pack it again as zip or tar",
    b"MZ": "a program, perhaps a self-extracting archive; unpack it and pack it again as zip or tar",
    b"version https://git-lfs": "a pointer of Git LFS and not the file; `git lfs pull` fetches the file",
    b"/annex/objects/": "a pointer of git-annex and not the file; `git annex get` fetches the file",
    b"%PDF": "a PDF document",
    b"\xff\xd8\xff": "one JPEG picture",
    b"\x89PNG": "one PNG picture",
}


def kind_of(path: Path) -> str:
    """Describe a file that is not a readable archive."""
    with path.open("rb") as handle:
        start = handle.read(4096)
    if not start:
        return "an empty file"
    if start.startswith(b"PK"):
        return "a zip archive that is truncated or damaged"
    if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ")) or start[257:262] == b"ustar":
        return "a tar archive that is truncated or damaged, or a compressed file that is not a tar archive"
    for beginning, words in BEGINNINGS.items():
        if start.startswith(beginning):
            return words
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"<!doctype html|<html|<head|<body|<\?xml|<!--", text, re.IGNORECASE):
        title = re.search(rb"<title[^>]*>([^<]{1,80})", text, re.IGNORECASE)
        called = html.unescape(title[1].decode("utf-8", "replace")).strip() if title else ""
        return "a web page" + (f", {called!r}," if called else "") + " and not the file"
    if text.startswith((b"{", b"[")):
        return "a JSON text and not the file"
    return "not a zip or tar archive"
