"""Tiny models for tests, built from configs: no weights are fetched.

Each function writes a folder that the real loading code opens, as a copy of a hub's repository would be. Weights are
random with a fixed seed, so their captions and pictures mean nothing, but they are the same each time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SIGNS = [chr(code) for code in range(33, 127)]
"""The 94 printable signs that the tokenizers know."""

WORDS = [
    "a",
    "an",
    "the",
    "photo",
    "of",
    "face",
    "man",
    "woman",
    "person",
    "young",
    "old",
    "with",
    "smile",
    "hat",
    "hair",
]
"""What a tiny caption model can say."""


def _clip_tokenizer(length: int = 77) -> Any:
    """CLIP's tokenizer without merges: each sign is a token, so any text can be encoded."""
    from transformers import CLIPTokenizer

    tokens = [*SIGNS, *(f"{sign}</w>" for sign in SIGNS), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=length)


def _seed(seed: int) -> None:
    import torch

    torch.manual_seed(seed)


def _spread(model: Any, factor: float = 20) -> Any:
    """Enlarge all matrices: at their usual size the pictures hardly change what a random model says."""
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(factor)
    return model.eval()


def blip(folder: Path, seed: int = 3) -> None:
    """Write a BLIP caption model: 32 px, 16 numbers a token, the words of `WORDS`."""
    from transformers import (
        BertTokenizer,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessor,
        BlipProcessor,
    )

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    tokenizer = BertTokenizer(vocab={token: i for i, token in enumerate(tokens)})
    # As in the published BLIP, the text that begins has an id that the tokenizer doesn't know.
    ids = {"bos_token_id": len(tokens), "eos_token_id": 3, "pad_token_id": 0, "sep_token_id": 3}
    size = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    config = BlipConfig(
        text_config={**size, **ids, "vocab_size": len(tokens) + 2, "encoder_hidden_size": 16, "projection_dim": 16},
        # BLIP's own default of 1e-10 is for weights that are loaded afterwards: all pictures would be the same.
        vision_config={**size, "image_size": 32, "patch_size": 8, "projection_dim": 16, "initializer_range": 0.02},
        projection_dim=16,
        image_text_hidden_size=16,
    )
    _seed(seed)
    _spread(BlipForConditionalGeneration(config)).save_pretrained(folder)
    images = BlipImageProcessor(size={"height": 32, "width": 32})
    BlipProcessor(images, tokenizer).save_pretrained(folder)


def vit_gpt2(folder: Path, seed: int = 3) -> None:
    """Write a ViT encoder with a GPT-2 decoder: 32 px, 16 numbers a token, signs as tokens."""
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        GPT2Tokenizer,
        VisionEncoderDecoderModel,
        ViTConfig,
        ViTImageProcessor,
        ViTModel,
    )

    tokens = ["<|endoftext|>", *SIGNS, "Ġ"]
    tokenizer = GPT2Tokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[])
    _seed(seed)
    encoder = ViTModel(
        ViTConfig(
            hidden_size=16,
            intermediate_size=32,
            num_attention_heads=2,
            num_hidden_layers=1,
            image_size=32,
            patch_size=8,
        )
    )
    decoder = GPT2LMHeadModel(
        GPT2Config(
            n_embd=16,
            n_head=2,
            n_layer=1,
            n_positions=64,
            vocab_size=len(tokens),
            bos_token_id=0,
            eos_token_id=0,
            add_cross_attention=True,
            is_decoder=True,
        )
    )
    model = VisionEncoderDecoderModel(encoder=encoder, decoder=decoder)
    model.config.decoder_start_token_id = 0
    model.config.pad_token_id = 0
    model.config.eos_token_id = 0
    model.generation_config.decoder_start_token_id = 0
    model.generation_config.pad_token_id = 0
    model.generation_config.eos_token_id = 0
    _spread(model).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def clip(folder: Path, seed: int = 3) -> None:
    """Write a CLIP model for zero-shot classification: 32 px, 16 numbers a picture and text."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    tokenizer = _clip_tokenizer()
    size = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = CLIPConfig(
        text_config={
            **size,
            **ids,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 77,
            "projection_dim": 16,
        },
        vision_config={**size, "image_size": 32, "patch_size": 8, "projection_dim": 16},
        projection_dim=16,
    )
    _seed(seed)
    _spread(CLIPModel(config)).save_pretrained(folder)
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(images, tokenizer).save_pretrained(folder)


def siglip(folder: Path, seed: int = 3) -> None:
    """Write a SigLIP model for zero-shot classification: 32 px, signs as tokens."""
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel, SiglipProcessor

    images = SiglipImageProcessor(size={"height": 32, "width": 32})
    vision = {"image_size": 32, "patch_size": 8}
    _save_siglip(folder, seed, SiglipConfig, SiglipModel, SiglipProcessor, images, vision)


def siglip2(folder: Path, seed: int = 3) -> None:
    """Write a SigLIP 2 model of any aspect ratio. Its processor always makes 256 patches of 16 px."""
    from transformers import Siglip2Config, Siglip2ImageProcessor, Siglip2Model, Siglip2Processor

    vision = {"num_patches": 256, "patch_size": 16}
    _save_siglip(folder, seed, Siglip2Config, Siglip2Model, Siglip2Processor, Siglip2ImageProcessor(), vision)


def _save_siglip(
    folder: Path, seed: int, config: Any, model: Any, processor: Any, images: Any, vision: dict[str, int]
) -> None:
    from transformers import GemmaTokenizer

    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "▁", *SIGNS]
    tokenizer = GemmaTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[])
    size = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    ids = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
    text = {**size, **ids, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": 16}
    _seed(seed)
    _spread(model(config(text_config=text, vision_config={**size, **vision}))).save_pretrained(folder)
    processor(images, tokenizer).save_pretrained(folder)


def pictures(number: int, side: int = 32, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    """Return pictures of smooth colours that differ much: height x width x 3, uint8."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (number, 4, 4, 3), dtype=np.uint8)
    return [np.kron(one, np.ones((side // 4, side // 4, 1), dtype=np.uint8)) for one in coarse]


def vit(folder: Path) -> None:
    """Write timm's smallest ViT with random weights, as a repository of timm."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    folder.mkdir(parents=True)
    network = timm.create_model("vit_tiny_patch16_224", pretrained=False)
    save_file(network.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"architecture": "vit_tiny_patch16_224"}))
