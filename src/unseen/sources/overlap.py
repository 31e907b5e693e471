"""Checks from the rules of two sources, before any download, whether they may have the same pictures."""

import fnmatch
import glob
import re

from unseen.core.picture_names import normal
from unseen.sources.shared.settings import SourceSettings


def _one(a: str, b: str) -> bool:
    """Whether one character can match both parts; each is a part of a glob that matches a single character."""
    for part, other in ((a, b), (b, a)):
        if len(part) == 1 and part != "?":
            return fnmatch.fnmatchcase(part, other)
    return True  # two character sets are assumed to intersect


def globs_meet(first: str, second: str) -> bool:
    """Whether a name exists that both globs match; `*` also matches `/`, as in `members`."""
    a, b = (re.findall(r"\[!?\]?[^\]]*\]|.", glob, re.DOTALL) for glob in (first, second))
    todo, seen = [(0, 0)], {(0, 0)}
    while todo:
        i, j = todo.pop()
        left, right = a[i : i + 1], b[j : j + 1]
        if not left and not right:
            return True
        steps = []
        if left == ["*"]:
            steps += [(i + 1, j)] + [(i, j + 1)] * bool(right)
        if right == ["*"]:
            steps += [(i, j + 1)] + [(i + 1, j)] * bool(left)
        if "*" not in left + right and left and right and _one(left[0], right[0]):
            steps.append((i + 1, j + 1))
        todo += set(steps) - seen
        seen.update(steps)
    return False


def _form(glob: str) -> str:
    """A glob in the form for comparison, with a lower-case suffix, since the case of suffixes is ignored."""
    head, point, suffix = normal(glob).rpartition(".")
    return head + point + (suffix if "/" in suffix or not point else suffix.lower())


def _names_may_be_shared(first: str, second: str) -> bool:
    """Whether two `members` globs may match the same name. Globs of the same depth are compared folder by folder, so
    `*/real/*` and `*/fake/*` do not overlap, although `a/real/fake/b` would match both."""
    first, second = _form(first), _form(second)
    folders, others = first.split("/"), second.split("/")
    if len(folders) == len(others):
        return all(globs_meet(one, other) for one, other in zip(folders, others, strict=True))
    return globs_meet(first, second)


def may_overlap(first: SourceSettings, second: SourceSettings) -> bool:
    """Whether two sources of one archive may have the same picture.

    They cannot if they read different inner archives, if they select different rows of one table, or if no name
    matches the `members` of both.
    """
    if first.inside != second.inside:
        return False
    one, other = first.table, second.table
    if one and other and (one.file, one.name) == (other.file, other.name):
        shared = one.where.keys() & other.where.keys()
        if any(one.where[column] != other.where[column] for column in shared):
            return False
    return _names_may_be_shared(first.members, second.members)


def seen_from(source: SourceSettings, below: str, is_file: bool) -> SourceSettings | None:
    """A source of a folder, as a source of a folder above it, to compare the two by `may_overlap`.

    Args:
        source: of the lower folder, or of an archive file.
        below: the path of the lower folder or file, relative to the upper folder.
        is_file: whether it is an archive file.

    Returns:
        The source; None if a source of the upper folder can't read its pictures.
    """
    if is_file and source.inside:
        return None  # an archive within an archive within the folder
    inside = below if is_file else source.inside and f"{below}/{source.inside}"
    members = source.members if inside else f"{glob.escape(below)}/{source.members}"
    # names in the table, and which files it is, are relative to the lower folder
    return source.model_copy(update={"inside": inside, "members": members, "table": None})
