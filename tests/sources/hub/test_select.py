"""The files that are taken from a repository."""

import pytest

from unseen.core.errors import UserError
from unseen.sources.hub.select import HubFile, select
from unseen.sources.hub.settings import HubSettings

PIPELINE = [
    *("model_index.json", "README.md", "v1-5-pruned.safetensors", "v1-5-pruned.ckpt"),
    *("unet/config.json", "unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.bin"),
    *("unet/diffusion_pytorch_model.fp16.safetensors", "unet/diffusion_pytorch_model.non_ema.safetensors"),
    *("vae/config.json", "vae/diffusion_pytorch_model.safetensors", "tokenizer/merges.txt", "tokenizer/vocab.json"),
    *("tokenizer/spiece.model", "safety_checker/config.json", "safety_checker/pytorch_model.bin"),
]


def names(found: list[str], **block: object) -> list[str]:
    settings = HubSettings(repo="org/model", **block)  # type: ignore[arg-type]
    return [file.name for file in select(settings, [HubFile(name, 1) for name in found])]


def test_of_a_pipeline_its_components() -> None:
    assert names(PIPELINE) == [
        *("model_index.json", "safety_checker/config.json", "tokenizer/merges.txt", "tokenizer/spiece.model"),
        *("tokenizer/vocab.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors"),
        *("vae/config.json", "vae/diffusion_pytorch_model.safetensors"),
    ]


def test_a_component_as_a_pickle_only() -> None:
    without = [name for name in PIPELINE if name != "vae/diffusion_pytorch_model.safetensors"]
    with pytest.raises(UserError, match=r"only as a pickle \(vae/model\.bin\)"):
        names([*without, "vae/model.bin"])


def test_globs_choose() -> None:
    assert names(PIPELINE, files=["vae/*"]) == ["vae/config.json", "vae/diffusion_pytorch_model.safetensors"]
    half = "unet/diffusion_pytorch_model.fp16.safetensors"
    assert names(PIPELINE, files=[half]) == [half]


def test_parts_of_a_large_file_are_no_variants() -> None:
    parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
    half = ["model.fp16-00001-of-00001.safetensors"]
    assert names(parts + half) == parts


@pytest.mark.parametrize("name", ["/etc/x.json", "a/../../x.json", "a//x.json", "a\\x.json", "C:x.json"])
def test_names_that_lead_out(name: str) -> None:
    with pytest.raises(UserError, match="leads out of its folder"):
        names(["model.safetensors", name])
