"""A trained model's folder: a card in JSON and weights in safetensors, read and written with one kind of message."""

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from unseen.core.errors import UserError
from unseen.core.files import read_json
from unseen.core.recovery import advice

WEIGHTS = "weights.safetensors"


def damaged(file: Path, error: object) -> UserError:
    """The message about a file that is there and is not what it should be."""
    lines = str(error).splitlines() or [type(error).__name__]
    return UserError(f"{file}: damaged ({lines[0]}); {advice(file)}")


def read_artifact(folder: Path, card: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The card and the weights in a model's folder.

    Args:
        folder: the model's.
        card: the name of its JSON file.

    Raises:
        UserError: a file is missing, can't be read, or is damaged.
    """
    file = folder / card
    try:
        found = read_json(file)
        if not isinstance(found, dict):
            raise ValueError(f"it holds {json.dumps(found)[:20]} and not a mapping")
        file = folder / WEIGHTS
        with file.open("rb"):
            return found, safetensors.torch.load_file(file)  # which does not say why it can't open a file
    except FileNotFoundError:
        raise UserError(f"{file}: not there; {advice(file)}") from None
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror or error}") from None
    except (ValueError, RecursionError, safetensors.SafetensorError) as error:
        raise damaged(file, error) from None


def write_weights(file: Path, state: dict[str, Tensor]) -> None:
    """Write weights in safetensors. Its own writer raises no OSError where a disk is full."""
    file.write_bytes(safetensors.torch.save(state))
