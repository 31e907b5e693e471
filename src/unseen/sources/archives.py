"""The settings type for archives of any kind."""

import os
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator

from unseen.core.kinds import any_settings
from unseen.sources.shared.settings import ArchiveSettings


def _no_folder(value: object) -> object:
    if isinstance(value, dict) and value.get("kind") == "folder":
        path = os.path.expanduser(str(value.get("path") or "PATH"))
        raise ValueError(
            "folders and archive files on this machine have a separate block: write "
            f"`folders: {{NAME: {{path: {path}}}}}`"
        )
    return value


if TYPE_CHECKING:
    AnyArchive = ArchiveSettings
else:
    AnyArchive = Annotated[any_settings("sources/kinds", "kind"), BeforeValidator(_no_folder)]
