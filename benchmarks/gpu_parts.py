"""What `gpu.py` measures, one function for each part. Networks have random weights, and pictures are drawn."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

Row = dict[str, Any]


def _ratio(mine: list[float], other: list[float]) -> list[float]:
    """Return median, lowest and highest ratio over the rounds."""
    found = [one / two for one, two in zip(mine, other, strict=True)]
    return [round(value, 3) for value in (statistics.median(found), min(found), max(found))]


def _memory(device: torch.device) -> float:
    """Return the peak GPU memory in GiB; on a CPU, that of the process."""
    import resource

    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated() / 2**30, 2)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def gan(architecture: str, side: int, batch: int, width: int, steps: int, rounds: int) -> Row:
    """Compare the training loop of a GAN with the plain loop and the bare step."""
    import gan as benchmark

    from detectors import shapes
    from unseen.core.runtime import prepare

    settings = _gan_settings(architecture, width, batch, (steps + benchmark.WARM) * batch)
    device = prepare()
    rates: dict[str, list[float]] = {"ours": [], "bare": [], "plain": []}
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number in range(max(batch, 256)):
            files.append(Path(folder, f"{number}.jpg"))
            shapes(number, side).save(files[-1], quality=90)
        opened = benchmark.Files(files, side)
        pixels = np.stack([((one + 1) * 127.5).round().byte().permute(1, 2, 0).numpy() for one in opened])
        for _ in range(rounds):
            rates["ours"].append(benchmark.ours(benchmark.Timed(pixels, device), settings))
            rates["bare"].append(benchmark.ours(benchmark.Ready(pixels, device, batch), settings))
            peak = _memory(device)
            rates["plain"].append(benchmark.plain(opened, settings, side, device))
    median = statistics.median(rates["ours"])
    return {
        "side": side,
        "batch": batch,
        "images_per_s": round(median, 1),
        "of_plain": _ratio(rates["ours"], rates["plain"]),
        "of_bare": _ratio(rates["ours"], rates["bare"]),
        "peak_gib": peak,
        "images_per_hour": round(3600 * median),
        "hours_for_a_million": round(1e6 / median / 3600, 2),
        "n": rounds,
    }


def detector(backbone: str, side: int, batch: int, steps: int, rounds: int, adapters: bool = False) -> Row:
    """Compare training and scoring of a detector with its bare network."""
    import detectors as benchmark
    from unseen.core.runtime import prepare
    from unseen.data.pictures import load_crops
    from unseen.detectors.kinds.vit_lora import Settings, VitLora
    from unseen.detectors.shared.settings import NetworkSettings

    class Adapted(benchmark.Timed, VitLora):
        """A ViT with adapters that measures its time."""

    device = prepare()
    common = {
        "kind": "vit_lora" if adapters else "efficientnet_lite0",
        "weights": "none",
        "train_on": {"reals": "faces/people", "fakes": "fakes/own"},
        "input_size": side,
        "steps": benchmark.WARM + steps,
        "frozen_steps": 0,
        "batch": batch,
        "learning_rate": 1e-4,
        "weight_decay": 0.01,
        "validate_every": 10**9,
        "augment": {"blur": 0.5, "blur_sigma": 1.5, "jpeg": 0.5, "jpeg_low": 30},
    }
    training: list[tuple[Any, Any]] = []
    scoring: list[tuple[Any, Any]] = []
    torch.manual_seed(0)
    if adapters:
        settings: NetworkSettings = Settings.model_validate(
            {**common, "backbone": backbone, "targets": ["qkv", "proj", "fc1", "fc2"], "rank": 8, "alpha": 8}
        )
        model = Adapted(backbone, side, img_size=side)
        model.attach(settings)
    else:
        settings = NetworkSettings.model_validate(common)
        model = benchmark.network(backbone, side)
    stored = max(4 * batch, 2 * benchmark.SCORING_BATCH)
    with tempfile.TemporaryDirectory() as folder:
        sets = benchmark.stored(Path(folder), benchmark.jpegs(None, stored, side))
        faces = load_crops(sets, ["train"], ["label", "source", "generator"])
        for _ in range(rounds):
            training.append(
                (
                    benchmark.trained(model, faces, settings, device),
                    benchmark.bare_training(model, settings, faces, device),
                )
            )
        peak = _memory(device)
        again = max(1, steps * batch // stored)
        benchmark.scored(model, sets, device)  # every batch size is run once before timing starts
        for _ in range(rounds):
            scoring.append(
                (
                    benchmark.scored(model, sets * again, device),
                    benchmark.bare_scoring(model, stored * again, faces, device),
                )
            )
    row: Row = {"side": side, "batch": batch, "peak_gib": peak, "n": rounds}
    for name, pairs in (("training", training), ("scoring", scoring)):
        mine, bare = ([rates[0] for rates in sides] for sides in zip(*pairs, strict=True))
        row |= {f"{name}_images_per_s": round(statistics.median(mine), 1), f"{name}_of_bare": _ratio(mine, bare)}
    return row


def twins(channels: list[int], layers: int, side: int, batch: int, pictures: int, rounds: int) -> Row:
    """Compare twins by a VAE of random weights with encoding and decoding alone."""
    import twins as benchmark
    from detectors import shapes
    from unseen.autoencoders.pretrained import load_pretrained
    from unseen.autoencoders.reconstruct import twins_of
    from unseen.core.runtime import generator, prepare

    device = prepare()
    with tempfile.TemporaryDirectory() as folder:
        built = benchmark.built(Path(folder, "vae"), channels, layers)
        net, _ = load_pretrained(built, "auto", device)
    faces = torch.from_numpy(np.stack([np.asarray(shapes(number, side)) for number in range(pictures)]))
    faces = faces.permute(0, 3, 1, 2).contiguous()

    def ours() -> None:
        randoms = [generator(0, "twin", number) for number in range(pictures)]
        twins_of(net, faces, batch=batch, randoms=randoms)

    def bare() -> None:
        benchmark.bare(net, list(torch.split(faces, batch)), torch.Generator(device).manual_seed(0))

    return {"side": side, "batch": batch, **_against(ours, bare, pictures, rounds, device)}


def _against(
    ours: Callable[[], None], bare: Callable[[], None], count: int, rounds: int, device: torch.device
) -> Row:
    """Measure pictures/s of two calls in turns, after a warm-up call of each."""

    def rate(call: Callable[[], None]) -> float:
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return count / (time.perf_counter() - start)

    rate(ours)
    rate(bare)
    found = [(rate(ours), rate(bare)) for _ in range(rounds)]
    mine, other = ([pair[side] for pair in found] for side in (0, 1))
    return {
        "pictures_per_s": round(statistics.median(mine), 2),
        "of_bare": _ratio(mine, other),
        "peak_gib": _memory(device),
        "n": rounds,
    }


def diffuse(channels: list[int], side: int, batch: int, steps: int, pictures: int, rounds: int) -> Row:
    """Compare image-to-image by a Stable Diffusion of random weights with the pipeline called alone."""
    import diffuse as benchmark
    from detectors import shapes
    from unseen.core.runtime import prepare
    from unseen.diffusion.fakes.pipeline import Painter

    device = prepare()
    knobs = benchmark.image_to_image(
        steps=steps,
        strength=0.5,
        guidance=0.0,
        side=side,
        dtype="float16" if device.type == "cuda" else "float32",
        batch=batch,
    )
    with tempfile.TemporaryDirectory() as folder:
        painter = Painter(benchmark.built(Path(folder, "pipeline"), channels), knobs, device)
    faces = [shapes(number, side) for number in range(pictures)]
    pixels = [np.asarray(face) for face in faces]
    each = 1 if device.type == "cpu" else batch

    def ours() -> None:
        painter.paint([knobs.prompt] * pictures, range(pictures), pixels)

    def bare() -> None:
        for first in range(0, pictures, each):
            some = faces[first : first + each]
            painter.pipe(
                prompt=[knobs.prompt] * len(some),
                image=some,
                generator=[torch.Generator("cpu").manual_seed(first + row) for row in range(len(some))],
                num_inference_steps=steps,
                strength=0.5,
                guidance_scale=0.0,
            )

    return {"side": side, "batch": batch, "steps": steps, **_against(ours, bare, pictures, rounds, device)}


def precision(side: int, batch: int, width: int, steps: int) -> Row:
    """Compare losses of R3GAN after some steps: bfloat16 with penalties in float32, and all in float32."""
    import contextlib
    from unittest import mock

    import gan as benchmark

    from detectors import shapes
    from unseen.core.runtime import prepare
    from unseen.core.scratch import Scratch
    from unseen.gans.shared.reals import Reals
    from unseen.gans.training import train as loop

    settings = _gan_settings("r3gan", width, batch, steps * batch)
    device = prepare()
    pixels = np.stack([np.asarray(shapes(number, side)) for number in range(max(64, batch))])

    def losses(half: Callable[[torch.device], contextlib.AbstractContextManager[Any]]) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(loop, "half", half):
            scratch = Scratch(Path(folder), "bench", time.time())
            found = loop.train(Reals(pixels, device), benchmark.unjudged, settings, 1, scratch)  # type: ignore[arg-type]
        return {key: float(value) for key, value in found.history[-1].items() if "loss" in key}

    mixed = losses(lambda device: torch.autocast(device.type, torch.bfloat16))
    full = losses(lambda device: contextlib.nullcontext())
    apart = max(abs(mixed[key] - full[key]) / max(abs(full[key]), 1e-6) for key in full)
    return {
        "side": side,
        "steps": steps,
        "mixed": mixed,
        "full": full,
        "largest_relative_difference": round(apart, 4),
    }


def _gan_settings(architecture: str, width: int, batch: int, images: int) -> Any:
    from unseen.core.kinds import settings_of

    given = {
        "architecture": architecture,
        "train_on": "faces/people",
        "width": width,
        "batch": batch,
        "images": images,
        "sample_every": 10**12,
        **({"penalty": 0.0} if architecture == "dcgan" else {}),
    }
    return settings_of("gans/architectures", architecture).model_validate(given)


def parts(level: str) -> dict[str, Callable[[], Row]]:
    """Return the parts for a level: `full`, `small` or `tiny`."""
    if level == "tiny":
        return {
            "gan_dcgan_64": lambda: gan("dcgan", 16, 4, 4, 3, 1),
            "gan_dcgan_128": lambda: gan("dcgan", 32, 4, 4, 3, 1),
            "gan_r3gan_128": lambda: gan("r3gan", 16, 4, 4, 3, 1),
            "detector_small": lambda: detector("tf_efficientnet_lite0", 32, 4, 2, 1),
            "detector_middle": lambda: detector("resnet18", 32, 4, 2, 1),
            "detector_vit_lora": lambda: detector("vit_tiny_patch16_224", 32, 4, 2, 1, adapters=True),
            "twins": lambda: twins([8, 16], 1, 32, 2, 4, 1),
            "diffuse": lambda: diffuse([32, 64], 32, 2, 4, 2, 1),
            "precision": lambda: precision(16, 4, 4, 3),
        }
    large, less = level == "full", 1 if level == "full" else 4
    return {
        "gan_dcgan_64": lambda: gan("dcgan", 64, 128, 64, 200, 3),
        "gan_dcgan_128": lambda: gan("dcgan", 128, 128 // less, 64, 100, 3),
        "gan_r3gan_128": lambda: gan("r3gan", 128, 64 // less, 64, 40, 3),
        "detector_small": lambda: detector("tf_efficientnet_lite0", 128, 128 // less, 60, 3),
        "detector_middle": lambda: detector("resnet50", 224, 64 // less, 40, 3),
        "detector_vit_lora": lambda: detector(
            "vit_large_patch14_dinov2" if large else "vit_small_patch14_dinov2", 224, 32 // less, 20, 2, adapters=True
        ),
        "twins": lambda: twins([128, 256, 512, 512], 2, 512 // (1 if large else 2), 8, 64, 3),
        "diffuse": lambda: diffuse([320, 640], 512 // (1 if large else 2), 8, 10, 32, 3),
        "precision": lambda: precision(64, 32, 32, 50),
    }
