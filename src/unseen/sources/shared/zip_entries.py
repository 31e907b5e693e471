"""The files of a zip archive."""

import operator
import stat
import zipfile
from collections.abc import Iterator

from unseen.core.picture_names import matches, normal
from unseen.sources.shared.entry import Entry, nothing, refusal

READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)

METHODS = {
    **{1: "Shrink", 6: "Implode", 9: "Deflate64", 10: "PKWARE DCL Implode", 16: "IBM CMPSC", 18: "IBM TERSE"},
    **{19: "IBM LZ77", 20: "zstd", 93: "zstd", 94: "MP3", 95: "xz", 96: "JPEG", 97: "WavPack", 98: "PPMd"},
}
"""Names of unsupported compression methods (APPNOTE.TXT 6.3.10, section 4.4.5)."""

AES = 99
"""The method of AES encryption with any compression."""

ENCRYPTED, UTF8 = 0x1, 0x800
"""Bits of a file's flags: the file is encrypted; the name is UTF-8."""


def zip_entries(archive: zipfile.ZipFile, pattern: str, order: str) -> Iterator[Entry]:
    """Yield the files whose names match, sorted by an attribute of `zipfile.ZipInfo`.

    Args:
        archive: archive that is open for reading.
        pattern: see `unseen.core.picture_names.matches`.
        order: `filename` or `header_offset`.
    """
    infos = [info for info in archive.infolist() if not (info.filename and info.is_dir())]
    if hidden := min((info.header_offset for info in archive.infolist()), default=0):
        detail = f"{hidden} bytes before the first listed file: two archives in one file? pack it again"
        yield Entry("the beginning of the archive", "unlisted_part", nothing, detail)
    seen: set[str] = set()
    for info in sorted(infos, key=operator.attrgetter(order)):
        name = normal(_name(info))
        if matches(name, pattern):
            why, detail = refusal(name, pattern, info.file_size, seen), ""
            if not why:
                why, detail = _not_read(info)
            yield Entry(name, why, lambda info=info: archive.open(info), detail)  # type: ignore[misc]


def _name(info: zipfile.ZipInfo) -> str:
    """The name as text. macOS writes UTF-8 without the flag, which `zipfile` decodes as code page 437."""
    if not info.flag_bits & UTF8:
        try:
            return info.filename.encode("cp437").decode()
        except UnicodeError:
            pass
    return info.filename


def _not_read(info: zipfile.ZipInfo) -> tuple[str, str]:
    """The reason code and a text if a file can't be read; both empty if it can."""
    # The upper half of the attributes is the Unix mode, for archives made on Unix.
    if stat.S_ISLNK(info.external_attr >> 16):
        return "link", "a symbolic link"
    if info.flag_bits & ENCRYPTED or info.compress_type == AES:
        return "encrypted", "needs a password; unpack it and pack it again without one"
    if info.compress_type not in READ:
        method = METHODS.get(info.compress_type, f"method {info.compress_type}")
        return "unsupported_compression", f"compressed with {method}, which is not supported; pack it with Deflate"
    return "", ""
