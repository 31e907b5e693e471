"""Settings of the block `hub`: models of a Hugging Face hub, or local copies of them."""

import os
import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from unseen.core.settings import Key, Settings
from unseen.sources.shared.settings import Sha256

PAGE = "https://huggingface.co"

COMMIT = re.compile(r"[0-9a-f]{40}")


def _folder(value: str) -> str:
    if value.startswith("~"):
        raise ValueError(f"`~` is not expanded; write {os.path.expanduser(value)!r}")
    if "://" in value:
        raise ValueError("must be a folder on this machine; for a model of the hub give `repo` instead")
    path = os.path.normpath(value)
    if value and (path == "." or f"{path}/".startswith("models/")):
        raise ValueError("stages write to it or to a folder in it; use a separate folder")
    return value


class HubSettings(Settings):
    """A model that the stage `hub` fetches into `models/hub/NAME`, or copies from a folder. Other blocks name it
    `hub/NAME`. Only safetensors, json, txt and tokenizer files are taken, never pickles or code."""

    repo: str = Field("", pattern=r"^([\w.-]+/[\w.-]+)?$", description="repository on the hub, `owner/name`")
    revision: str = Field(
        "", description="commit, 40 hex digits; empty: that of `main` at the first download, which is recorded"
    )
    folder: Annotated[str, AfterValidator(_folder)] = Field(
        "", description="in place of `repo`: a local folder with the same files; copied, not watched for changes"
    )
    files: list[str] = Field(
        [], description="globs for names in the repository, `*` also matches `/`; empty: what a loader needs"
    )
    sha256: dict[Key, Sha256] = Field({}, description="file: hash; others are recorded at the first download")

    @field_validator("revision")
    @classmethod
    def _is_commit(cls, value: str, info: ValidationInfo) -> str:
        if value and not COMMIT.fullmatch(value):
            page = f"{PAGE}/{info.data.get('repo') or 'OWNER/NAME'}/commits/main"
            raise ValueError(
                f"not a commit; branches and tags can move, so give the 40 hex digits that {page} shows, or leave it "
                'empty (`revision: ""`) to record the commit of `main` at the first download'
            )
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.repo) == bool(self.folder):
            raise ValueError("give either `repo`, a repository on the hub, or `folder`, a local copy")
        if self.folder and self.revision:
            raise ValueError("a `folder` has no `revision`; remove it")
        return self
