"""The rules for names of files, in one place for every reader of folders, archives and tables.

Which names are pictures, which files operating systems leave beside pictures, when two names mean the same file, and
how a name is shown.
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
"""How names of pictures end, in small letters. A file that is named by itself may be called anything."""

SYSTEM_FOLDERS = frozenset(
    {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"}
)
"""Folders of macOS's archiver, of network storage (indexes and thumbnails) and of file systems, in small letters."""

SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini", "icon\r"})
"""Indexes and settings of file managers, in small letters."""

_ENDING = re.compile(r"\.[A-Za-z0-9]+$")


def normal(name: str) -> str:
    """The form in which names are compared and stored.

    Accents are composed (Unicode NFC; macOS stores them decomposed), folders are separated by `/`, and what names
    nothing (`./`, a doubled or leading `/`) is left out. The name of a root, such as `/` or `./`, becomes empty.
    """
    parts = unicodedata.normalize("NFC", name).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def end_of(name: str, depth: int) -> str:
    """The last `depth` parts of a normal name."""
    return "/".join(name.split("/")[-depth:])


def is_rooted(name: str) -> bool:
    """Whether a path starts outside of the folder at hand: absolute, with a drive's letter, or with `..`."""
    return bool(re.match(r"[\\/]|[A-Za-z]:[\\/]|(\.[\\/])*\.\.[\\/]", name))


def is_system_file(name: str) -> bool:
    """Whether a file, named from the folder or archive that is read, is no picture that anybody put there.

    These are hidden files and files in hidden folders (a part of the name starts with `.`: `.DS_Store`,
    `._photo.jpg`, `.thumbnails/`), and what macOS, Windows and network storage leave (`__MACOSX/`, `Thumbs.db`,
    `desktop.ini`, `@eaDir/`).
    """
    *folders, file = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")] or [""]
    hidden = any(part.startswith(".") for part in (*folders, file))
    return hidden or file.lower() in SYSTEM_FILES or any(part.lower() in SYSTEM_FOLDERS for part in folders)


def is_left_by_system(name: str) -> bool:
    """Whether a file or folder that is named by itself, as a shell names all that is there, was put there by an
    operating system. Other hidden files are what their user says they are."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()
    return last.startswith("._") or last == ".ds_store" or last in SYSTEM_FILES or last in SYSTEM_FOLDERS


def is_picture(name: str) -> bool:
    """Whether a file, named from the folder that is read, has the name of a picture and is no system file."""
    return name.lower().endswith(SUFFIXES) and not is_system_file(name)


def folded(name: str) -> str:
    """A name, or a glob over names, with its suffix in small letters: `a.JPG` as `a.jpg`."""
    return _ENDING.sub(lambda found: found[0].lower(), name)


def matches(name: str, pattern: str) -> bool:
    """Whether a glob matches a whole name; `*` also matches `/`.

    Both are compared in their normal form, and suffixes without regard to case: `*.jpg` matches `a/b.JPG`. All else
    is case-sensitive.
    """
    name, pattern = normal(name), normal(pattern)
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(folded(name), folded(pattern))
