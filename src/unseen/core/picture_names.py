"""Rules for file names, shared by all readers of folders, archives and tables.

They decide which names are pictures, which files operating systems leave beside pictures, when two names mean the
same file, and how a name is printed.
"""

import fnmatch
import re
import unicodedata

from unseen.core.errors import printable

__all__ = [
    "SUFFIXES",
    "end_of",
    "folded",
    "is_left_by_system",
    "is_picture",
    "is_rooted",
    "is_system_file",
    "matches",
    "normal",
    "printable",
]

JPEGS, RASTERS = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), (".ppm", ".pgm", ".pbm", ".pnm")

SUFFIXES = (*JPEGS, *RASTERS, ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif", ".hif")
"""Suffixes of pictures in folders and archives, in lower case. A file given by its own path may have any name."""

SYSTEM_FOLDERS = frozenset(
    {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"}
)
"""Folders of macOS's archiver, of network storage (indexes and thumbnails) and of file systems, in lower case."""

SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini", "icon\r"})
"""Indexes and settings of file managers, in lower case."""

_ENDING = re.compile(r"\.[A-Za-z0-9]+$")


def normal(name: str) -> str:
    """Normalise a name for comparison and storage.

    Accents are composed (Unicode NFC; macOS stores them decomposed), folders are separated by `/`, and redundant
    parts (`./`, a doubled or leading `/`) are removed. A root, such as `/` or `./`, becomes empty.
    """
    parts = unicodedata.normalize("NFC", name).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def end_of(name: str, depth: int) -> str:
    """The last `depth` parts of a normal name."""
    return "/".join(name.split("/")[-depth:])


def is_rooted(name: str) -> bool:
    """Whether a path starts outside of the current folder: absolute, with a drive letter, or with `..`."""
    return bool(re.match(r"[\\/]|[A-Za-z]:[\\/]|(\.[\\/])*\.\.[\\/]", name))


def is_system_file(name: str) -> bool:
    """Whether a file was made by an operating system or is hidden. `name` is relative to the folder or archive.

    Hidden files and folders have a part that starts with `.`: `.DS_Store`, `._photo.jpg`, `.thumbnails/`. macOS,
    Windows and network storage make `__MACOSX/`, `Thumbs.db`, `desktop.ini`, `@eaDir/` and others.
    """
    *folders, file = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")] or [""]
    hidden = any(part.startswith(".") for part in (*folders, file))
    return hidden or file.lower() in SYSTEM_FILES or any(part.lower() in SYSTEM_FOLDERS for part in folders)


def is_left_by_system(name: str) -> bool:
    """Whether a file or folder given by its own path, perhaps by a shell's `*`, was made by an operating system.

    Other hidden files are accepted, because the user named them.
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()
    return last.startswith("._") or last == ".ds_store" or last in SYSTEM_FILES or last in SYSTEM_FOLDERS


def is_picture(name: str) -> bool:
    """Whether a file has the suffix of a picture and is not a system file. `name` is relative to the folder."""
    return name.lower().endswith(SUFFIXES) and not is_system_file(name)


def folded(name: str) -> str:
    """A name or glob with its suffix in lower case: `a.JPG` becomes `a.jpg`."""
    return _ENDING.sub(lambda found: found[0].lower(), name)


def matches(name: str, pattern: str) -> bool:
    """Whether a glob matches a complete name; `*` also matches `/`.

    Both are normalised first. Only the suffix is case-insensitive: `*.jpg` matches `a/b.JPG`.
    """
    name, pattern = normal(name), normal(pattern)
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(folded(name), folded(pattern))
