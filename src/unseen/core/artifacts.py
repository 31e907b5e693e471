"""Read and write the folder of a trained model: a JSON card and weights in safetensors."""

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
    """The error for a file that exists but can't be parsed."""
    lines = str(error).splitlines() or [type(error).__name__]
    return UserError(f"{file}: damaged ({lines[0]}); {advice(file)}")


def read_artifact(folder: Path, card: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the card and the weights of a model.

    Args:
        folder: the model's folder.
        card: the name of its JSON file.

    Raises:
        UserError: a file is missing, can't be read, or is damaged.
    """
    file = folder / card
    try:
        found = read_json(file)
        if not isinstance(found, dict):
            raise ValueError(f"{json.dumps(found)[:20]} is not a mapping")
        file = folder / WEIGHTS
        with file.open("rb"):  # safetensors does not report why it can't open a file
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
