"""A diffusers pipeline from a local folder, and pictures from it that do not depend on the other pictures of a batch.

On the CPU pictures are made one at a time: the last bits of a batch depend on its size, and a CPU is busy with one.
On a GPU every call has the same number of pictures; see docs/determinism.md.
"""

import contextlib
import inspect
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from unseen.core.errors import UserError
from unseen.core.json_files import read_json
from unseen.core.recovery import advice
from unseen.core.settings import did_you_mean
from unseen.data.pictures import Pixels
from unseen.diffusion.fakes.settings import DiffuseSettings

INDEX = "model_index.json"

FOUR = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
EMBEDDINGS = {"StableDiffusionXL": FOUR, "StableDiffusion3": FOUR, "StableDiffusion": FOUR[:2]}
"""What `encode_prompt` returns, by the beginning of the pipeline's name. Other pipelines are given prompts."""

CACHED = 512
"""Prompts whose embeddings are kept, in the memory of the CPU: those of SDXL take 1.3 MB each."""


@dataclass(frozen=True)
class Painted:
    """Made pictures uint8 [n, side, side, 3], and whether the safety checker calls each unsafe."""

    pixels: Pixels
    unsafe: list[bool]


def _variant(folder: Path) -> str | None:
    """`fp16` if some part of the pipeline has no other weights."""
    files = list(folder.glob("*/*.safetensors"))
    half = {file.parent for file in files if ".fp16." in file.name}
    return "fp16" if half - {file.parent for file in files if ".fp16." not in file.name} else None


def _options(index: dict[str, Any], settings: DiffuseSettings, folder: Path) -> dict[str, Any]:
    """Arguments of `from_pretrained` against black pictures and invisible marks."""
    options: dict[str, Any] = {}
    if str(index.get("_class_name")).startswith("StableDiffusionXL"):
        options["add_watermarker"] = False  # the default marks every picture if `invisible-watermark` is installed
    if settings.safety_checker == "drop":
        if not (index.get("safety_checker") or [None])[0]:
            raise UserError(f"{folder}: the pipeline has no safety checker; set `safety_checker: none`")
    elif "safety_checker" in index:
        options |= {"safety_checker": None, "requires_safety_checker": False}
    return options


def _loaded(folder: Path, settings: DiffuseSettings, dtype: torch.dtype) -> Any:
    """Load the pipeline.

    Raises:
        UserError: it is missing, damaged, has no safetensors, or diffusers can't use it in this mode.
    """
    if not (folder / INDEX).is_file():
        raise UserError(f"{folder}: no {INDEX}, so it is no diffusers pipeline; {advice(folder)}, or correct `model`")
    options = _options(read_json(folder / INDEX), settings, folder)
    try:
        import diffusers  # takes many seconds
        import transformers
    except ImportError as error:
        raise UserError(f"`diffuse` needs diffusers ({error}); `pip install -e '.[diffusion]'`") from None
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    auto = {
        "text_to_image": diffusers.AutoPipelineForText2Image,
        "image_to_image": diffusers.AutoPipelineForImage2Image,
    }[settings.mode]
    try:
        pipe = auto.from_pretrained(
            folder,
            dtype=dtype,
            variant=_variant(folder),
            use_safetensors=True,
            local_files_only=True,
            **options,
        )
        if settings.scheduler != "own":
            pipe.scheduler = _scheduler(settings.scheduler).from_config(pipe.scheduler.config)
    except UserError:
        raise
    except Exception as error:  # diffusers and its libraries raise many types
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{folder}: diffusers can't load it for {settings.mode} ({first}); fetch it again with safetensors "
            "(`files` of its block in `hub`), or take another model"
        ) from error
    if getattr(pipe, "watermark", None) is not None:
        raise UserError(
            f"{folder}: {type(pipe).__name__} puts an invisible mark into each picture, which detectors would learn; "
            "uninstall invisible-watermark"
        )
    return pipe


def _scheduler(name: str) -> Any:
    import diffusers

    if not hasattr(diffusers, name):
        known = [one for one in dir(diffusers.schedulers) if one.endswith("Scheduler")]
        raise UserError(f"diffusers {diffusers.__version__} has no scheduler {name!r}; {did_you_mean(name, known)}")
    return getattr(diffusers, name)


def _placed(pipe: Any, settings: DiffuseSettings, device: torch.device) -> None:
    """Place a pipeline on the device, with the knobs that save GPU memory."""
    vae = getattr(pipe, "vae", None)
    for wanted, method in ((settings.vae_slicing, "enable_slicing"), (settings.vae_tiling, "enable_tiling")):
        if wanted and hasattr(vae, method):
            getattr(vae, method)()
    if device.type == "cpu" or settings.offload == "none":
        pipe.to(device)
    elif settings.offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.enable_sequential_cpu_offload(device=device)


class Painter:
    """Makes pictures with the pipeline in a folder."""

    def __init__(self, folder: Path, settings: DiffuseSettings, device: torch.device) -> None:
        """Load the pipeline; see `_loaded` for errors."""
        self._settings, self.cpu = settings, device.type == "cpu"
        self.dtype = "float32" if self.cpu else settings.dtype
        if self.dtype != settings.dtype:
            print(f"{folder.name}: float32 on the CPU, not {settings.dtype}", file=sys.stderr)
        self.pipe = _loaded(folder, settings, getattr(torch, self.dtype))
        self.pipe.set_progress_bar_config(disable=True)
        _placed(self.pipe, settings, device)
        name = type(self.pipe).__name__
        names = next((names for start, names in EMBEDDINGS.items() if name.startswith(start)), ())
        self._names = names if hasattr(self.pipe, "encode_prompt") else ()
        self._takes = set(inspect.signature(self.pipe.__call__).parameters)
        self._known: OrderedDict[str, tuple[Tensor | None, ...]] = OrderedDict()
        self.record = {
            "model": settings.generator,
            "scheduler": type(self.pipe.scheduler).__name__ if hasattr(self.pipe, "scheduler") else "",
            "steps": str(settings.steps),
            "guidance": str(settings.guidance),
            "dtype": self.dtype,
            "diffusers": version("diffusers"),
        }
        if settings.mode == "image_to_image":
            self.record["strength"] = str(settings.strength)

    @torch.no_grad()
    def _encoded(self, prompt: str) -> tuple[Tensor | None, ...]:
        """The embeddings of a prompt, each [1, ...], computed once for equal prompts."""
        if prompt not in self._known:
            settings = self._settings
            found = self.pipe.encode_prompt(
                prompt=prompt,
                device=self.pipe._execution_device,
                num_images_per_prompt=1,
                do_classifier_free_guidance=settings.guidance > 1,
                negative_prompt=settings.negative_prompt or None,
            )
            self._known[prompt] = tuple(None if one is None else one.cpu() for one in found)
            if len(self._known) > CACHED:
                self._known.popitem(last=False)
        return self._known[prompt]

    def _said(self, prompts: Sequence[str]) -> dict[str, Any]:
        """The arguments of the pipeline for prompts: embeddings where it takes them."""
        if not self._names:
            negative = self._settings.negative_prompt
            return {"prompt": list(prompts)} | ({"negative_prompt": [negative] * len(prompts)} if negative else {})
        found = list(zip(*map(self._encoded, prompts), strict=True))
        device = self.pipe._execution_device
        return {
            name: torch.cat(parts).to(device)  # type: ignore[arg-type]
            for name, parts in zip(self._names, found, strict=True)
            if parts[0] is not None
        }

    def paint(self, prompts: Sequence[str], seeds: Sequence[int], reals: Sequence[Pixels]) -> Painted:
        """Make a picture of each prompt. A picture does not depend on the others.

        Args:
            prompts: n prompts.
            seeds: of the noise of each picture, which is drawn on the CPU for every device.
            reals: stored crops uint8 [s, s, 3], for image to image.
        """
        each = 1 if self.cpu else self._settings.batch
        parts: list[Tensor] = []
        unsafe: list[bool] = []
        for first in range(0, len(prompts), each):
            # The last call is filled up with its own last picture, so that every call has the same shape.
            rows = [min(row, len(prompts) - 1) for row in range(first, first + each)]
            made, flags = self._call([prompts[i] for i in rows], [seeds[i] for i in rows], [reals[i] for i in rows])
            parts.append(made[: len(prompts) - first])
            unsafe += flags[: len(prompts) - first]
        return Painted(torch.cat(parts).permute(0, 2, 3, 1).contiguous().numpy(), unsafe)

    def _call(
        self, prompts: Sequence[str], seeds: Sequence[int], reals: Sequence[Pixels]
    ) -> tuple[Tensor, list[bool]]:
        settings = self._settings
        arguments: dict[str, Any] = {
            **self._said(prompts),
            "generator": [torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            "num_inference_steps": settings.steps,
            "guidance_scale": settings.guidance,
            "output_type": "pt",
        }
        if settings.mode == "image_to_image":
            arguments |= {"image": [_enlarged(real, settings.side) for real in reals], "strength": settings.strength}
        sizes = {"height": settings.side, "width": settings.side}
        arguments |= {name: value for name, value in sizes.items() if name in self._takes}
        with contextlib.ExitStack() as seeded:
            # Some schedulers draw from the global generator.
            seeded.enter_context(torch.random.fork_rng(devices=[]))
            torch.manual_seed(seeds[0])
            found = self.pipe(**arguments)
        pixels = (found.images.float().clamp(0, 1) * 255).round().to(torch.uint8).cpu()
        if pixels.shape[1:] != (3, settings.side, settings.side):
            raise UserError(
                f"{settings.model}: its pictures are {tuple(pixels.shape[1:])}, not of `side` {settings.side}; give "
                "a `side` that is a multiple of what the model needs"
            )
        flags = getattr(found, "nsfw_content_detected", None) or [False] * len(prompts)
        return pixels, [bool(flag) for flag in flags]


def _enlarged(real: Pixels, side: int) -> Image.Image:
    """A stored crop as the model's input, a square of `side` pixels."""
    picture = Image.fromarray(real)
    return picture if picture.size == (side, side) else picture.resize((side, side), Image.Resampling.LANCZOS)
