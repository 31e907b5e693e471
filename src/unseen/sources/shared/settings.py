"""What params say about where pictures and model files come from, and what they may be used for.

What an archive of one kind needs alone is in its file below `sources/kinds`."""

import os
import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from unseen.core.settings import Group, Key, Name, Role, Settings


def _hex(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("must be 64 small hex digits (`sha256sum FILE` prints them)")
    return value


def _hex_or_empty(value: str) -> str:
    return _hex(value) if value else value


def _one_group(value: str) -> str:
    try:
        groups = re.compile(value).groups
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if groups != 1:
        raise ValueError(f"must have exactly one (group), it has {groups}")
    return value


def _one_group_or_empty(value: str) -> str:
    return _one_group(value) if value else value


Sha256 = Annotated[str, AfterValidator(_hex)]
Sha256OrEmpty = Annotated[str, AfterValidator(_hex_or_empty)]
"""Empty: the hash of the first download is recorded in checksums/ and checked ever after."""


Capture = Annotated[str, AfterValidator(_one_group)]
CaptureOrEmpty = Annotated[str, AfterValidator(_one_group_or_empty)]
"""A regular expression with one (group), searched for anywhere in a text."""


class ArchiveSettings(Settings):
    """An archive that is fetched. How, and what has to be known for it, is in the file of its kind, below
    `sources/kinds`, with a class `Settings` and a function `fetch`.
    """

    kind: str = Field(description="file below src/unseen/sources/kinds")
    sha256: Sha256OrEmpty = Field("", description="of the archive; empty: that of the first download is recorded")

    is_local: ClassVar[bool] = False
    """The file is on this machine already, so it is not kept a second time. The file of the kind has a function
    `find_file`, which finds it."""

    has_problems: ClassVar[bool] = False
    """The file of the kind has a function `problems`, which finds without a network what `fetch` would fail for."""

    not_identity: ClassVar[frozenset[str]] = frozenset()
    """Keys that do not tell one archive from another."""

    usual_bytes: ClassVar[float] = 0.0
    """How large such an archive usually is, 0 where that varies."""


OUTPUTS = ("data/raw", "data/faces", "data/fakes", "models", "metrics")
"""Folders that stages write to: pictures of one's own can't lie there, nor around them."""


def _own_path(value: str) -> str:
    if value.startswith("~"):
        raise ValueError(f"`~` means nothing to DVC; write {os.path.expanduser(value)!r}")
    if "://" in value:
        raise ValueError("must be a folder or file on this machine; an address is an archive of `kind: url`")
    path = os.path.normpath(value)
    inside = any(f"{path}/".startswith(f"{output}/") for output in OUTPUTS)
    if inside or path == "data" or not path.strip("./"):
        raise ValueError(f"stages write below it, or around it ({', '.join(OUTPUTS)}); give a folder of its own")
    return value


class FolderSettings(Settings):
    """Pictures of one's own: a folder, or an archive file. DVC looks at it for changes at each command."""

    path: Annotated[str, AfterValidator(_own_path)] = Field(
        min_length=1, description="absolute, or from the project's folder"
    )
    sha256: Sha256OrEmpty = ""

    @property
    def kind(self) -> str:
        """What stands in a list of sources."""
        return "folder"


Origin = ArchiveSettings | FolderSettings
"""Where pictures and model files come from: `archives` and `folders`."""


class AssetSettings(Settings):
    """A model file that the pipeline needs: one member of an archive."""

    archive: Name = Field(description="key below `archives` or `folders`")
    member: str = Field(min_length=1, description="path of the file inside the archive")
    sha256: Sha256 = Field(description="of that file")


class TableSettings(Settings):
    """A csv or Parquet file in the archive that knows more of its pictures: labels, prompts, groups."""

    file: str = Field(
        min_length=1, description="glob over names in the archive; every csv or Parquet file that matches is read"
    )
    columns: list[str] = Field(default=[], description="the columns of a csv that has no line with their names")
    name: str = Field(min_length=1, description="column that names the picture: its path or the end of it")
    where: dict[Key, str] = Field(default={}, description="column: value; only rows that match belong to the source")


OTHERS = "*"
"""Among an attribute's `values`: whatever else was captured."""


class AttributeSettings(Settings):
    """A property of the person or picture, read from its name or from a column of the table."""

    column: str = Field(default="", description="of the table; empty: the picture's name in the archive")
    match: Capture
    values: dict[Key, str] = Field(
        default={},
        description="what was captured: what it is called; `*` is all else, and an empty name leaves it out",
    )


class SourceSettings(Settings):
    """A set of pictures of one class out of an archive, and the rules that read more from their names."""

    archive: Name = Field(description="key below `archives` or `folders`")
    inside: str = Field(default="", description="name of an archive within the archive; empty: the archive itself")
    members: str = Field(default="*", min_length=1, description="glob over names in it; `*` also matches `/`")
    group: Group = Field(description="folder below data/faces that this source is stored in")
    use: Role = Field(description="`train` may fit anything, `held_out` is only measured on")
    label: Literal["real", "fake"]
    generator: str = Field(default="", description="who made the fakes; empty for real pictures")
    identity: CaptureOrEmpty = Field(
        default="", description="captures the person from the name; empty: every picture is a person of its own"
    )
    table: TableSettings | None = None
    attributes: dict[Name, AttributeSettings] = Field(default={}, description="groups, for numbers by group")
    license: str = Field(default="not stated", min_length=1, description="licence of the pictures")
    citation: str = Field(default="not stated", min_length=1, description="what to cite")
    train_anyway: str = Field(
        default="",
        description="the reason why a set that is held out for good trains here; the report prints it in red",
    )

    @model_validator(mode="after")
    def _rules_fit(self) -> "SourceSettings":
        if (self.label == "fake") != bool(self.generator):
            raise ValueError("`generator` must be named for fakes and empty for real pictures")
        for name, rule in self.attributes.items():
            if rule.column and self.table is None:
                raise ValueError(f"attribute `{name}` reads column {rule.column!r}, but there is no `table`")
        if self.train_anyway and self.use != "train":
            raise ValueError("`train_anyway` is only for `use: train`")
        return self
