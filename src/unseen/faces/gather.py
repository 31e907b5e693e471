"""From an archive of pictures to a set of faces."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unseen.faces.decode import BadPictureError
from unseen.faces.finder import Finder
from unseen.faces.road import Crop, walk
from unseen.faces.settings import FaceSettings
from unseen.progress import progress
from unseen.shards import Dropped, FaceRow, write_set
from unseen.sources.archive import Member, members
from unseen.sources.settings import SourceSettings
from unseen.splits import Split, SplitSettings, split_of


def face_row(crop: Crop, path: str, source: str, generator: str, identity: str, split: Split) -> FaceRow:
    """A stored row from a crop and from what its set knows of it."""
    return FaceRow(
        jpeg=crop.jpeg,
        path=path,
        label=1 if generator else 0,
        generator=generator,
        source=source,
        identity=identity,
        split=split,
        sha256=crop.sha256,
        dhash=crop.dhash,
        width=crop.size[0],
        height=crop.size[1],
        box=crop.face.box,
        landmarks=tuple(value for point in crop.face.landmarks for value in point),
        detection_score=crop.face.score,
    )


def identity_of(name: str, path: str, rule: str) -> str | None:
    """Whose face a picture shows, from its path: None where the rule captures nothing."""
    if not rule:
        return f"{name}/{path}"
    match = re.search(rule, path)
    return f"{name}/{match.group(1)}" if match and match.group(1) else None


def gather(
    name: str,
    source: SourceSettings,
    archive: Path,
    finder: Finder,
    faces: FaceSettings,
    shares: SplitSettings,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """Write the face set of one source; every picture that matches is kept or counted with its reason.

    Args:
        name: the source's name.
        source: its rules.
        archive: the zip archive that was fetched.
        finder: finds the faces.
        faces: the road's knobs.
        shares: who goes to which split.
        seed: the run's seed.
        folder: where the set goes.

    Returns:
        The counts of `write_set`.

    Raises:
        UserError: the archive can't be read, or not one face came out of it.
    """
    notes: list[str] = []

    def one(member: Member) -> FaceRow | Dropped:
        identity = identity_of(name, member.name, source.identity)
        if member.refused:
            return Dropped(member.name, member.refused)
        if identity is None:
            return Dropped(member.name, "no_identity", f"`identity` does not match: {source.identity}")
        try:
            crop = walk(member.data, finder, faces, seed, "found")
        except BadPictureError as bad:
            return Dropped(member.name, bad.reason, bad.detail)
        if crop.several:
            notes.append("several_faces_main_one_kept")
        return face_row(crop, member.name, name, source.generator, identity, split_of(identity, shares, seed))

    def all_of_them() -> Iterator[FaceRow | Dropped]:
        for member in progress(members(archive, source.members), f"faces {name}", "picture"):
            yield one(member)

    return write_set(folder, name, source.use, 1 if source.label == "fake" else 0, all_of_them(), notes)
