"""Pictures from tiny pipelines of diffusers, loaded by the real code."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny_diffusion
from diffusion.fakes.knobs import settings
from diffusion.fakes.stub import maker, reals
from faces_for_training import OrlFaces, bytes_below
from unseen.core.errors import UserError
from unseen.core.parallel import Parallel
from unseen.diffusion.fakes import pipeline
from unseen.diffusion.fakes.blocks import Blocks
from unseen.diffusion.fakes.pipeline import Painted, Painter
from unseen.diffusion.fakes.sets import diffuse_set
from unseen.faces.detect import FaceDetector
from unseen.faces.settings import FaceSettings

CPU = torch.device("cpu")
PROMPTS = ["a man", "a woman", "a man", "a hat", "a dog"]
SEEDS = [5, 6, 7, 8, 9]
DRAWN: dict[str, Any] = {"mode": "text_to_image", "steps": 2, "guidance": 3.0, "negative_prompt": "blur"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_diffusion.stable_diffusion(folder)
    return folder


@pytest.fixture(scope="module")
def xl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "xl"
    tiny_diffusion.stable_diffusion_xl(folder)
    return folder


def painted(painter: Painter, faces: OrlFaces, rows: slice = slice(None)) -> Painted:
    return painter.paint(PROMPTS[rows], SEEDS[rows], list(faces.large[:5])[rows])


def test_any_batch_gives_the_same_shard(
    tmp_path: Path, model: Path, orl_faces: OrlFaces, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    of = reals(tmp_path, orl_faces, count=9)
    prompt = "number {number}, {number}"
    for batch in (1, 4, 7):
        knobs = settings(batch=batch, prompt=prompt)
        made = maker(face_detector, face_settings, Painter(model, knobs, CPU), batch=batch, prompt=prompt)
        folder = tmp_path / str(batch)
        counts = diffuse_set(made, [of], [], Blocks(folder / "scratch"), folder / "fakes/fakes", Parallel())
        assert counts["kept"] >= counts["read"] - 2
    found = [bytes_below(tmp_path / str(batch) / "fakes") for batch in (1, 4, 7)]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("knobs", [{}, DRAWN])
def test_a_picture_is_what_a_bare_loop_makes(model: Path, orl_faces: OrlFaces, knobs: dict[str, Any]) -> None:
    """Prompt embeddings are computed once for equal prompts, and change no bit."""
    painter = Painter(model, settings(**knobs), CPU)
    encoded: list[int] = []
    painter.pipe.text_encoder.register_forward_hook(lambda *_: encoded.append(1))
    found = painted(painter, orl_faces)
    assert len(encoded) == 4 * (2 if knobs else 1)
    assert found.pixels.shape == (5, 64, 64, 3)
    assert found.unsafe == [False] * 5
    one = painted(painter, orl_faces, slice(3, 4))
    assert np.array_equal(one.pixels[0], found.pixels[3])
    arguments = {"guidance_scale": 0.0, "num_inference_steps": 10, "strength": 0.2} if not knobs else {}
    if knobs:
        arguments = {"guidance_scale": 3.0, "num_inference_steps": 2, "negative_prompt": "blur"}
        arguments |= {"height": 64, "width": 64}
    else:
        arguments["image"] = pipeline.Image.fromarray(orl_faces.large[3])
    bare = painter.pipe(prompt="a hat", generator=torch.Generator().manual_seed(8), **arguments).images[0]
    assert np.array_equal(np.asarray(bare), found.pixels[3])
    others = [found.pixels[i] for i in (0, 2)]
    assert not np.array_equal(*others), "seeds differ"


def test_pipelines_without_known_embeddings_get_prompts(
    model: Path, orl_faces: OrlFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_embeddings = painted(Painter(model, settings(**DRAWN), CPU), orl_faces)
    monkeypatch.setattr(pipeline, "EMBEDDINGS", {})
    with_prompts = painted(Painter(model, settings(**DRAWN), CPU), orl_faces)
    assert np.array_equal(with_embeddings.pixels, with_prompts.pixels)


def test_the_record(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import diffusers

    painter = Painter(model, settings(scheduler="EulerAncestralDiscreteScheduler", dtype="float16"), CPU)
    assert painter.record == {
        "model": "tiny",
        "scheduler": "EulerAncestralDiscreteScheduler",
        "steps": "10",
        "guidance": "0.0",
        "dtype": "float32",
        "diffusers": diffusers.__version__,
        "strength": "0.2",
    }
    assert "tiny: float32 on the CPU, not float16" in capsys.readouterr().err
    assert "strength" not in Painter(model, settings(**DRAWN), CPU).record


def test_schedulers_draw_from_the_pictures_generator(model: Path, orl_faces: OrlFaces) -> None:
    painter = Painter(model, settings(scheduler="EulerAncestralDiscreteScheduler", strength=0.5), CPU)
    torch.manual_seed(1)
    first = painted(painter, orl_faces)
    torch.manual_seed(2)
    assert np.array_equal(painted(painter, orl_faces).pixels, first.pixels)
    assert np.array_equal(painted(painter, orl_faces, slice(2, 3)).pixels[0], first.pixels[2])


def test_vae_slices_and_tiles(model: Path) -> None:
    painter = Painter(model, settings(vae_slicing=True, vae_tiling=True, offload="model"), CPU)
    assert (painter.pipe.vae.use_slicing, painter.pipe.vae.use_tiling) == (True, True)


def test_xl_without_its_mark(
    xl: Path, orl_faces: OrlFaces, face_settings: FaceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the package of the mark is installed."""
    from diffusers.pipelines.stable_diffusion_xl import pipeline_stable_diffusion_xl_img2img as module

    monkeypatch.setattr(module, "is_invisible_watermark_available", lambda: True)
    monkeypatch.setattr(module, "StableDiffusionXLWatermarker", lambda: "a mark", raising=False)
    painter = Painter(xl, settings(guidance=2.0, negative_prompt="blur"), CPU)
    assert painter.pipe.watermark is None
    found = painted(painter, orl_faces)
    bare = painter.pipe(
        prompt="a hat",
        negative_prompt="blur",
        image=pipeline.Image.fromarray(orl_faces.large[3]),
        generator=torch.Generator().manual_seed(8),
        num_inference_steps=10,
        strength=0.2,
        guidance_scale=2.0,
    )
    assert np.array_equal(np.asarray(bare.images[0]), found.pixels[3])
    monkeypatch.setattr(pipeline, "_options", lambda *_: {})
    with pytest.raises(UserError, match=r"puts an invisible mark into each picture"):
        Painter(xl, settings(), CPU)


def test_the_safety_checker(tmp_path: Path, model: Path, orl_faces: OrlFaces) -> None:
    tiny_diffusion.stable_diffusion(tmp_path / "tiny", safety_checker=True)
    checked = painted(Painter(tmp_path / "tiny", settings(safety_checker="drop"), CPU), orl_faces)
    assert checked.unsafe == [True] * 5
    assert not checked.pixels.any(), "diffusers makes them black"
    free = painted(Painter(tmp_path / "tiny", settings(), CPU), orl_faces)
    assert free.unsafe == [False] * 5
    assert np.array_equal(free.pixels, painted(Painter(model, settings(), CPU), orl_faces).pixels)
    with pytest.raises(UserError, match="the pipeline has no safety checker; set `safety_checker: none`"):
        Painter(model, settings(safety_checker="drop"), CPU)


def test_what_cannot_be_loaded_is_one_line(tmp_path: Path, model: Path) -> None:
    with pytest.raises(UserError, match=r"nothing: no model_index.json, so it is no diffusers pipeline"):
        Painter(tmp_path / "nothing", settings(), CPU)
    with pytest.raises(
        UserError, match=r"has no scheduler 'DDIMMScheduler'; allowed: .*did you mean `DDIMScheduler`"
    ):
        Painter(model, settings(scheduler="DDIMMScheduler"), CPU)
    shutil.copytree(model, tmp_path / "half")
    file = tmp_path / "half/unet/diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"half: diffusers can't load it for image_to_image \("):
        Painter(tmp_path / "half", settings(), CPU)
    shutil.copytree(model, tmp_path / "pickled")
    weights = tmp_path / "pickled/unet/diffusion_pytorch_model.safetensors"
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(UserError, match=r"can't load it for image_to_image .*fetch it again with safetensors"):
        Painter(tmp_path / "pickled", settings(), CPU)


def test_weights_that_are_only_there_in_half_precision(tmp_path: Path, model: Path, orl_faces: OrlFaces) -> None:
    shutil.copytree(model, tmp_path / "tiny")
    for name in ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"):
        file = tmp_path / "tiny" / f"{name}.safetensors"
        file.rename(file.with_name(f"{file.stem}.fp16.safetensors"))
    found = painted(Painter(tmp_path / "tiny", settings(), CPU), orl_faces)
    assert np.array_equal(found.pixels, painted(Painter(model, settings(), CPU), orl_faces).pixels)
