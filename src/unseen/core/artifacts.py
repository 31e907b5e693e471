"""Read and write the folder of a trained model: a JSON card and weights in safetensors."""

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from unseen.core.errors import UserError
from unseen.core.files import sha256_of
from unseen.core.json_files import read_json
from unseen.core.recovery import advice

WEIGHTS = "weights.safetensors"


def damaged(file: Path, error: object) -> UserError:
    """The error for a file that exists but can't be parsed."""
    lines = str(error).splitlines() or [type(error).__name__]
    return UserError(f"{file}: damaged ({lines[0]}); {advice(file)}")


def recorded(folder: Path, *names: str) -> dict[str, str]:
    """The hex SHA-256 of files in a model's folder, by name: what the card stores as `sha256`."""
    return {name: sha256_of(folder / name) for name in names}


def _check(file: Path, digest: str, card: dict[str, Any]) -> None:
    """Compare a file's SHA-256 with the recorded one. Cards of older versions record none.

    Raises:
        UserError: it is another one.
    """
    if card.get("sha256", {}).get(file.name, digest) != digest:
        raise damaged(file, "its SHA-256 is not the recorded one")


def read_recorded(file: Path, card: dict[str, Any]) -> bytes:
    """Read a file of a model whose SHA-256 may be recorded in its card.

    Raises:
        UserError: it is missing, can't be read, or is not the recorded one.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{file}: not found; {advice(file)}") from None
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror or error}") from None
    _check(file, hashlib.sha256(content).hexdigest(), card)
    return content


def read_artifact(folder: Path, card: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the card and the weights of a model.

    Args:
        folder: the model's folder.
        card: the name of its JSON file.

    Raises:
        UserError: a file is missing, can't be read, is damaged, or is not the file that the card records.
    """
    file = folder / card
    try:
        found = read_json(file)
        if not isinstance(found, dict):
            raise ValueError(f"{json.dumps(found)[:20]} is not a mapping")
        if not isinstance(found.get("sha256", {}), dict):
            raise ValueError("`sha256` is not a mapping")
        file = folder / WEIGHTS
        with file.open("rb") as opened:  # safetensors does not report why it can't open a file
            if "sha256" in found:
                _check(file, hashlib.file_digest(opened, "sha256").hexdigest(), found)
            return found, safetensors.torch.load_file(file)
    except FileNotFoundError:
        raise UserError(f"{file}: not found; {advice(file)}") from None
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror or error}") from None
    except (ValueError, RecursionError, safetensors.SafetensorError) as error:
        raise damaged(file, error) from None


def write_weights(file: Path, state: dict[str, Tensor]) -> None:
    """Write weights as safetensors. Raises an OSError if the disk is full; `safetensors.torch.save_file` does not."""
    file.write_bytes(safetensors.torch.save(state))
