"""Settings of archives, folders, model files and sources.

Settings of one kind of archive are in its file in `sources/kinds`."""

import os
import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from unseen.core.settings import Group, Key, Name, Role, Settings


def _hex(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("must be 64 lower-case hex digits (`sha256sum FILE` prints them)")
    return value


def _hex_or_empty(value: str) -> str:
    return _hex(value) if value else value


def _one_group(value: str) -> str:
    try:
        groups = re.compile(value).groups
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if groups != 1:
        raise ValueError(f"must have exactly one (group), but has {groups}")
    return value


def _one_group_or_empty(value: str) -> str:
    return _one_group(value) if value else value


Sha256 = Annotated[str, AfterValidator(_hex)]
Sha256OrEmpty = Annotated[str, AfterValidator(_hex_or_empty)]
"""Empty: the hash of the first download is recorded in checksums/ and checked later."""


Capture = Annotated[str, AfterValidator(_one_group)]
CaptureOrEmpty = Annotated[str, AfterValidator(_one_group_or_empty)]
"""A regular expression with one (group); it may match anywhere in a text."""


class ArchiveSettings(Settings):
    """An archive to download. The file of its kind, in `sources/kinds`, has a class `Settings` with further settings,
    and a function `fetch`.
    """

    kind: str = Field(description="file below src/unseen/sources/kinds")
    sha256: Sha256OrEmpty = Field("", description="hash of the archive; empty: that of the first download")

    is_local: ClassVar[bool] = False
    """Whether the archive is on this machine, so that it need not be kept in the scratch folder. The file of the kind
    then has a function `find_file`."""

    has_problems: ClassVar[bool] = False
    """Whether the file of the kind has a function `problems`, which finds errors of `fetch` without a network."""

    not_identity: ClassVar[frozenset[str]] = frozenset()
    """Keys that do not identify the archive."""

    usual_bytes: ClassVar[float] = 0.0
    """Usual size of such an archive in bytes; 0 if it varies."""


OUTPUTS = ("data/raw", "data/faces", "data/fakes", "models", "metrics")
"""Folders that stages write to. The user's pictures must not be inside or around them."""


def _own_path(value: str) -> str:
    if value.startswith("~"):
        raise ValueError(f"`~` is not expanded by DVC; write {os.path.expanduser(value)!r}")
    if "://" in value:
        raise ValueError("must be a folder or file on this machine; for an address use an archive of `kind: url`")
    path = os.path.normpath(value)
    inside = any(f"{path}/".startswith(f"{output}/") for output in OUTPUTS)
    if inside or path == "data" or not path.strip("./"):
        raise ValueError(f"stages write to it or to a folder in it ({', '.join(OUTPUTS)}); use a separate folder")
    return value


class FolderSettings(Settings):
    """The user's own pictures: a folder, or an archive file. DVC checks it for changes at each command."""

    path: Annotated[str, AfterValidator(_own_path)] = Field(
        min_length=1, description="absolute path, or relative to the project's folder"
    )
    sha256: Sha256OrEmpty = Field("", description="hash of the archive; empty: that of the first run")

    @property
    def kind(self) -> str:
        """The kind in lists of sources."""
        return "folder"


Origin = ArchiveSettings | FolderSettings
"""Origin of pictures and model files: an item of `archives` or `folders`."""


class AssetSettings(Settings):
    """A model file: one member of an archive."""

    archive: Name = Field(description="key in `archives` or `folders`")
    member: str = Field(min_length=1, description="path of the file inside the archive")
    sha256: Sha256 = Field(description="hash of that file")


class TableSettings(Settings):
    """A csv or Parquet file in the archive with data of its pictures, such as labels, prompts or groups."""

    file: str = Field(
        min_length=1, description="glob for names in the archive; every csv or Parquet file that matches is read"
    )
    columns: list[str] = Field(default=[], description="column names of a csv without a header")
    name: str = Field(min_length=1, description="column with the picture's path, or the end of it")
    where: dict[Key, str] = Field(default={}, description="column: value; the source has only rows that match")


OTHERS = "*"
"""Key in an attribute's `values` for all other captured texts."""


class AttributeSettings(Settings):
    """An attribute of the person or picture, read from the picture's name or from a column of the table."""

    column: str = Field(default="", description="column of the table; empty: the picture's name in the archive")
    match: Capture = Field(description="regular expression with one (group), which captures the value")
    values: dict[Key, str] = Field(
        default={},
        description="captured text: value; `*` stands for all other texts, an empty value means no attribute",
    )


class SourceSettings(Settings):
    """A set of pictures of one class from an archive, with rules for their identities and attributes."""

    archive: Name = Field(description="key in `archives` or `folders`")
    inside: str = Field(default="", description="name of an archive inside the archive; empty: the archive itself")
    members: str = Field(default="*", min_length=1, description="glob for names in it; `*` also matches `/`")
    group: Group = Field(description="folder below data/faces that this source is stored in")
    use: Role = Field(description="`train`: for training and evaluation; `held_out`: for evaluation only")
    label: Literal["real", "fake"] = Field(description="class of all its pictures")
    generator: str = Field(default="", description="generator of the fakes; empty for real pictures")
    identity: CaptureOrEmpty = Field(
        default="", description="captures the person from the name; empty: each picture is treated as a person"
    )
    people_of: str = Field(
        default="",
        description="source whose people these are, for fakes made of its faces; `identity` captures the same text, "
        "and so they have its splits",
    )
    table: TableSettings | None = Field(None, description="a table in the archive that knows more of its pictures")
    attributes: dict[Name, AttributeSettings] = Field(default={}, description="attributes, for results by group")
    license: str = Field(default="not stated", min_length=1, description="licence of the pictures")
    citation: str = Field(default="not stated", min_length=1, description="publication to cite")
    train_anyway: str = Field(
        default="",
        description="reason for training on a set that is always held out; the report prints it in red",
    )

    @model_validator(mode="after")
    def _rules_fit(self) -> "SourceSettings":
        if (self.label == "fake") != bool(self.generator):
            raise ValueError("`generator` must be named for fakes and empty for real pictures")
        if self.people_of and not self.identity:
            raise ValueError("`people_of` needs `identity`, which captures the same text as that of the other source")
        for name, rule in self.attributes.items():
            if rule.column and self.table is None:
                raise ValueError(f"attribute `{name}` reads column {rule.column!r}, but there is no `table`")
        if self.train_anyway and self.use != "train":
            raise ValueError("`train_anyway` is only for `use: train`")
        return self
