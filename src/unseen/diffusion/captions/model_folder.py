"""Checks and card of a model's folder, before its weights are loaded."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.core.json_files import read_json

CARD = "hub.json"
"""What the stage `hub` writes beside a model's files."""


@dataclass(frozen=True)
class ModelFolder:
    """A local folder with a model of transformers.

    Attributes:
        path: the folder.
        kind: `model_type` of its config.
        name: its repository, or the folder's name if it is not known.
        revision: its commit, or empty.
    """

    path: Path
    kind: str
    name: str
    revision: str

    def fingerprint(self) -> str:
        """A hash of the names and bytes of all files."""
        files = sorted(file for file in self.path.rglob("*") if file.is_file())
        known = [f"{file.relative_to(self.path).as_posix()} {sha256_of(file)}" for file in files]
        return hashlib.sha256("\n".join(known).encode()).hexdigest()


def open_model(folder: Path, supported: Sequence[str], what: str) -> ModelFolder:
    """Read the config of a model and check that it can be loaded.

    Args:
        folder: its folder.
        supported: the types of model that the caller can load.
        what: the kind of model in words, for messages.

    Raises:
        UserError: there is no config, the type is not supported, or there are no weights as safetensors.
    """
    try:
        kind = str(read_json(folder / "config.json").get("model_type", "unknown"))
    except FileNotFoundError:
        raise UserError(f"{folder}: has no config.json, so it is not a {what}; correct its block in `hub`") from None
    except (ValueError, AttributeError, UnicodeDecodeError):
        raise UserError(f"{folder}/config.json: not a JSON object; fetch the model again") from None
    if kind not in supported:
        raise UserError(
            f"{folder}: its config.json has `model_type` {kind!r}, which is not a {what}; "
            f"supported: {', '.join(supported)}"
        )
    if not any(folder.glob("*.safetensors")):
        raise UserError(
            f"{folder}: has no *.safetensors, and weights in other formats are not loaded; give a `revision` in "
            "`hub` that has them (the hub's pull requests often add them to a repository)"
        )
    card = _card(folder)
    return ModelFolder(folder, kind, str(card.get("repo") or card.get("model") or folder.name), _revision(card))


def _card(folder: Path) -> dict[str, Any]:
    try:
        found = read_json(folder / CARD)
    except FileNotFoundError:
        return {}
    return found if isinstance(found, dict) else {}


def _revision(card: dict[str, Any]) -> str:
    return str(card.get("revision") or "")
