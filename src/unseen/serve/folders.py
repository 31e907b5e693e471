"""List the pictures in a folder, and the files that are skipped."""

import os
from dataclasses import dataclass, field

from unseen.core.errors import printable
from unseen.core.picture_names import is_picture, is_system_file


@dataclass
class Listing:
    """The contents of a folder, at any depth. Paths begin with the folder as given.

    Attributes:
        pictures: files with the suffix of an image, sorted.
        others: files with another suffix.
        system: hidden files, and files of operating systems.
        links: links to folders, which are not followed.
        closed: errors of folders that can't be opened.
    """

    pictures: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    system: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    closed: list[OSError] = field(default_factory=list)

    def skipped(self) -> str:
        """The skipped files as text: each kind with its number and an example. Empty if there are none."""
        kinds = {
            "{} without an image suffix": self.others,
            "{} hidden or of the system": self.system,
            "{} to a folder, not followed": self.links,
        }
        said = []
        for text, found in kinds.items():
            what = "link" if found is self.links else "file"
            if found:
                number = f"{len(found)} {what}{'' if len(found) == 1 else 's'}"
                said.append(f"{text.format(number)} (such as {printable(os.path.basename(min(found)))})")
        return ", ".join(said)


def list_folder(folder: str) -> Listing:
    """List a folder recursively."""
    found = Listing()
    for parent, folders, names in os.walk(folder, onerror=found.closed.append):
        found.links += [path for name in folders if os.path.islink(path := os.path.join(parent, name))]
        for name in names:
            path = os.path.join(parent, name)
            below = os.path.relpath(path, folder)
            kind = found.system if is_system_file(below) else found.pictures if is_picture(below) else found.others
            kind.append(path)
    found.pictures.sort()
    return found
