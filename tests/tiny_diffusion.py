"""Tiny diffusion models for tests, built from configs: no weights are fetched.

Each function writes a folder that the real loading code opens, as a copy of a hub's repository would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

SIGNS = [chr(code) for code in range(33, 127)]
"""The 94 printable signs that the tokenizer knows."""


def _clip_tokenizer() -> Any:
    """CLIP's tokenizer without merges: each sign is a token, so any text can be encoded."""
    from transformers import CLIPTokenizer

    tokens = [*SIGNS, *(f"{sign}</w>" for sign in SIGNS), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=77)


def _copies(weight: Any, rows: dict[int, dict[int, float]]) -> None:
    """Make a convolution copy channels: `rows` has, for each output channel, the weight of each input channel."""
    weight.data.zero_()
    for out, parts in rows.items():
        for channel, factor in parts.items():
            weight.data[out, channel, weight.shape[2] // 2, weight.shape[3] // 2] = factor


def _vae() -> Any:
    """A VAE that keeps a face at half its resolution: all residual branches are 0, and convolutions copy channels.

    Its 8 channels are red, green, blue, 0 and their negatives, since silu(x) - silu(-x) = x. Only its two group norms
    change a picture: they set brightness and contrast to fixed values.
    """
    import torch
    from diffusers import AutoencoderKL

    net = AutoencoderKL(
        block_out_channels=[8, 8],
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=64,
        scaling_factor=1.0,
    )
    signed = {i: {i % 4: 1.0 if i < 4 else -1.0} for i in (0, 1, 2, 4, 5, 6)}
    back = {i: {i: 1.0, i + 4: -1.0} for i in range(3)}
    same = {i: {i: 1.0} for i in range(8)}
    for name, parameter in net.named_parameters():
        if "norm" in name:
            continue
        if name.endswith("bias"):
            parameter.data.zero_()
        elif "samplers" in name or "quant_conv" in name:
            _copies(parameter, {i: same[i] for i in range(parameter.shape[0])})
        elif name.endswith("conv_in.weight"):
            _copies(parameter, signed)
        elif name.endswith("conv_out.weight"):
            scale = 0.4 if "decoder" in name else 1.0
            _copies(parameter, {i: {k: scale * part for k, part in row.items()} for i, row in back.items()})
        elif "conv2" in name or "to_out" in name:
            parameter.data.zero_()
    with torch.no_grad():
        net.encoder.conv_out.bias[4:] = -20.0  # the logarithm of the variance
    return net.eval()


def vae(folder: Path) -> None:
    """Write an `AutoencoderKL` that keeps faces: 4 channels at half the side; see `_vae`."""
    _vae().save_pretrained(folder)


def _spread(model: Any) -> Any:
    """Enlarge all matrices, so that embeddings differ from prompt to prompt."""
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(8)
    return model.eval()


def _unet(channels: Sequence[int] = (4, 8), **options: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        block_out_channels=tuple(channels),
        layers_per_block=1,
        sample_size=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=2,
        norm_num_groups=2,
        **options,
    )


def _scheduler() -> Any:
    """One that adds so little noise at its first steps that image to image keeps a face."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00001, beta_end=0.0005, clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )


def _text_config(tokenizer: Any) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        hidden_size=8,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        projection_dim=8,
        vocab_size=len(tokenizer),
        bos_token_id=len(tokenizer) - 2,
        eos_token_id=len(tokenizer) - 1,
        pad_token_id=len(tokenizer) - 1,
    )


def stable_diffusion(
    folder: Path, seed: int = 0, safety_checker: bool = False, channels: Sequence[int] = (4, 8)
) -> None:
    """Write a Stable Diffusion pipeline: 64 px, the VAE of `vae`, a random UNet and a random text encoder.

    It draws noise from a prompt. Image to image keeps a face. With `safety_checker` it has one that flags everything.
    `channels` are those of the UNet's two levels.
    """
    import torch
    from diffusers import StableDiffusionPipeline
    from transformers import CLIPTextModel

    tokenizer = _clip_tokenizer()
    torch.manual_seed(seed)
    pipe = StableDiffusionPipeline(
        unet=_unet(channels, cross_attention_dim=8),
        vae=_vae(),
        text_encoder=_spread(CLIPTextModel(_text_config(tokenizer))),
        tokenizer=tokenizer,
        scheduler=_scheduler(),
        requires_safety_checker=safety_checker,
        **(_safety_checker() if safety_checker else {"safety_checker": None, "feature_extractor": None}),
    )
    pipe.save_pretrained(folder)


def _safety_checker() -> dict[str, Any]:
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    layers = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    vision = {**layers, "image_size": 32, "patch_size": 16}
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, text_config=layers, projection_dim=8))
    checker.concept_embeds_weights.data.fill_(-1.0)  # any similarity is above it
    sides = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    return {"safety_checker": checker, "feature_extractor": CLIPImageProcessor(**sides)}


def stable_diffusion_xl(folder: Path, seed: int = 0) -> None:
    """Write a Stable Diffusion XL pipeline like that of `stable_diffusion`."""
    import torch
    from diffusers import StableDiffusionXLPipeline
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    tokenizer = _clip_tokenizer()
    torch.manual_seed(seed)
    StableDiffusionXLPipeline(
        unet=_unet(
            cross_attention_dim=16,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 8,
        ),
        vae=_vae(),
        text_encoder=_spread(CLIPTextModel(_text_config(tokenizer))),
        text_encoder_2=_spread(CLIPTextModelWithProjection(_text_config(tokenizer))),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        scheduler=_scheduler(),
        add_watermarker=False,
    ).save_pretrained(folder)


def vgg19(folder: Path, seed: int = 0, width: int = 4) -> None:
    """Write the convolutions of a VGG-19 of `width` channels, random, under timm's names."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    state, before = {}, 3
    for place in (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34):
        state[f"features.{place}.weight"] = torch.randn(width, before, 3, 3) / (4.5 * before) ** 0.5
        state[f"features.{place}.bias"] = torch.zeros(width)
        before = width
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / "model.safetensors")
