"""Pretrained autoencoders so small that they are built in no time, saved as those of a hub are."""

import json
from pathlib import Path
from typing import Any

import torch


def kl(folder: Path, **changed: Any) -> Path:
    """Save an `AutoencoderKL` of factor 8 with random weights. It is stored as float32."""
    from diffusers import AutoencoderKL

    config = {
        "block_out_channels": [4, 4, 8, 8],
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "latent_channels": 4,
        "norm_num_groups": 2,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoencoderKL(**{**config, **changed}).save_pretrained(folder)
    return folder


def tiny(folder: Path, **changed: Any) -> Path:
    """Save an `AutoencoderTiny` of factor 8 with random weights."""
    from diffusers import AutoencoderTiny

    config = {
        "encoder_block_out_channels": (4, 4, 4, 4),
        "decoder_block_out_channels": (4, 4, 4, 4),
        "num_encoder_blocks": (1, 1, 1, 1),
        "num_decoder_blocks": (1, 1, 1, 1),
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoencoderTiny(**{**config, **changed}).save_pretrained(folder)
    return folder


def edit(folder: Path, **changed: Any) -> None:
    """Change keys of a saved config; None removes one."""
    file = folder / "config.json"
    config = {**json.loads(file.read_text()), **changed}
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
