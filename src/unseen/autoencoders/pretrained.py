"""Pretrained autoencoders of diffusion models: `AutoencoderKL` and `AutoencoderTiny` of diffusers.

A twin by the autoencoder of a diffusion model has the traces of its decoder and the content of its real. With other
fakes of the same real left out, this is the training set of Dual Data Alignment (Chen et al. 2025, arXiv 2505.14359).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from unseen.core.artifacts import damaged
from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.core.recovery import advice

CLASSES = ("AutoencoderKL", "AutoencoderTiny")
"""Classes of diffusers that are known, as `_class_name` in config.json says."""

DType = Literal["auto", "float32", "float16"]


class Pretrained(nn.Module):
    """Maps pictures [n, 3, h, w] in [-1, 1] to their reconstructions of the same shape, float32.

    Pictures keep their size. If a side is no multiple of the autoencoder's factor, the pixels at the right and lower
    edge are repeated up to the next multiple, and the reconstruction is cut back. So nothing is resized, and the
    decoder's grid begins where the grid of JPEG begins.
    """

    def __init__(self, vae: nn.Module, factor: int) -> None:
        """`vae` is a model of diffusers, `factor` the side of a picture over that of its latents."""
        super().__init__()
        self.vae: Any = vae
        self.factor = factor

    def forward(self, pictures: Tensor, randoms: Sequence[torch.Generator] = ()) -> Tensor:
        """Reconstruct pictures; see the class.

        Args:
            pictures: a batch.
            randoms: a CPU generator for each picture, which draws its latents from their distribution; if empty, the
                mean is decoded. `AutoencoderTiny` has no distribution and does not use them.

        Raises:
            UserError: the network gives a number that is not finite, or pictures of another size.
        """
        high, wide = pictures.shape[-2:]
        padded = functional.pad(pictures, (0, -wide % self.factor, 0, -high % self.factor), mode="replicate")
        encoded = self.vae.encode(padded.to(self.vae.dtype))
        if hasattr(encoded, "latent_dist"):
            latents = encoded.latent_dist.mean
            if randoms:
                noise = torch.stack([torch.randn(latents.shape[1:], generator=random) for random in randoms])
                latents = latents + encoded.latent_dist.std * noise.to(latents)
        else:
            latents = encoded.latents
        made: Tensor = self.vae.decode(latents).sample.float()
        if made.shape != padded.shape:
            raise UserError(f"the autoencoder gives pictures {list(made.shape)} for {list(padded.shape)}")
        if not torch.isfinite(made).all():
            raise UserError(f"the autoencoder gives numbers that are not finite in {self.vae.dtype}; use float32")
        return made[..., :high, :wide]


def _config(folder: Path) -> dict[str, Any]:
    """The config of an autoencoder.

    Raises:
        UserError: it is missing, damaged, or of another class.
    """
    file = folder / "config.json"
    if not file.is_file():
        found = sorted(path.parent.name for path in folder.glob("*/config.json") if "vae" in path.parent.name)
        hint = f"set `subfolder: {found[0]}`" if found else advice(file)
        raise UserError(f"{file}: not found; {hint}")
    try:
        config = read_json(file)
        name = config["_class_name"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise damaged(file, error) from None
    if name not in CLASSES:
        raise UserError(f"{file}: `_class_name` is {name!r}; allowed: {', '.join(CLASSES)}")
    found_config: dict[str, Any] = config
    return found_config


def _dtype(wanted: DType, config: dict[str, Any], device: torch.device, file: Path) -> torch.dtype:
    """The type of weights and activations. bfloat16 is no choice: near white it has steps of half a grey level."""
    upcast = bool(config.get("force_upcast", False))  # an older file without the key is of a VAE that runs in float16
    if wanted == "float16" and upcast:
        raise UserError(f"{file}: `force_upcast` is true, so the autoencoder needs `dtype: float32`")
    half = wanted == "float16" or (wanted == "auto" and device.type == "cuda" and not upcast)
    return torch.float16 if half else torch.float32


def load_pretrained(folder: Path, dtype: DType, device: torch.device) -> tuple[Pretrained, bool]:
    """Load an autoencoder of diffusers from a local folder, from safetensors only.

    Args:
        folder: folder with config.json and the weights.
        dtype: type of the weights; see `TwinSettings`.
        device: where the network is placed.

    Returns:
        The network in evaluation mode, and whether it has a distribution of latents.

    Raises:
        UserError: diffusers is not installed, a file is missing or damaged, it lacks weights, or its class is not
            known.
    """
    config = _config(folder)
    try:
        import diffusers  # takes many seconds to import
    except ImportError:
        raise UserError("pretrained autoencoders need diffusers; `pip install -e '.[diffusion]'` gets it") from None
    kind = config["_class_name"]
    try:
        vae, info = getattr(diffusers, kind).from_pretrained(
            folder,
            torch_dtype=_dtype(dtype, config, device, folder / "config.json"),
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except UserError:
        raise
    except Exception as error:  # diffusers, safetensors and torch raise many types for damaged files
        raise damaged(folder, error) from None
    if missing := info["missing_keys"] + [key for key, *_ in info["mismatched_keys"]]:
        raise damaged(folder, f"it lacks {len(missing)} weights, such as {sorted(missing)[0]}")
    blocks = config.get("num_encoder_blocks" if kind == "AutoencoderTiny" else "block_out_channels")
    stages = len(blocks or vae.config["num_encoder_blocks" if kind == "AutoencoderTiny" else "block_out_channels"])
    if device.type == "cpu":
        vae.enable_slicing()  # a picture at a time: the last bits of a convolution depend on the size of the batch
    return Pretrained(vae, 2 ** (stages - 1)).to(device).eval(), kind == "AutoencoderKL"
