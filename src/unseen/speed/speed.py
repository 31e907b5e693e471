"""Speed, memory and energy of a detector: from a file's bytes to a decision, and of the model alone.

Original photos are not stored, so the pictures are made from stored crops of real faces: each crop is scaled to the
middle half of a grey JPEG of `side` pixels. Face detection takes longer in larger pictures.
"""

import io
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from unseen.core import environment
from unseen.core.errors import UserError
from unseen.core.runtime import device, half, keep_memory
from unseen.data.pictures import decode_crops
from unseen.data.sample import evenly
from unseen.data.shards import FaceSet, measurable
from unseen.detectors.shared.artifact import TrainedDetector
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.logits import as_batch
from unseen.faces.detect import FaceDetector
from unseen.serve.predict import predict
from unseen.serve.torch_network import with_network
from unseen.speed.machine import cores, cpu, gpu, peak_memory_mb, restart_peak
from unseen.speed.settings import SpeedSettings

POWERCAP = Path("/sys/class/powercap")
"""Linux's energy counters of the processor; often only root may read them."""

GREY, QUALITY = 128, 90

ENERGY = ("energy_uj", "max_energy_range_uj")

Work = Callable[[], object]


def stored_crops(face_set: FaceSet, count: int) -> list[bytes]:
    """At most `count` stored crops of a set as JPEG, a deterministic pseudo-random sample."""
    splits = measurable(face_set)
    ids = [name for batch in face_set.batches(splits, ["id"]) for name in batch["id"].to_pylist()]
    chosen = set(evenly(ids, count))
    found: list[bytes] = []
    for batch in face_set.batches(splits, ["id", "image"]):
        jpegs = batch["image"].field("bytes").to_pylist()
        found += [jpeg for name, jpeg in zip(batch["id"].to_pylist(), jpegs, strict=True) if name in chosen]
    return found


def framed(crop: bytes, side: int) -> bytes:
    """A grey JPEG of `side` x `side` pixels with a crop in its middle half."""
    frame = Image.new("RGB", (side, side), (GREY, GREY, GREY))
    face = Image.open(io.BytesIO(crop)).convert("RGB").resize((side // 2, side // 2), Image.Resampling.LANCZOS)
    frame.paste(face, (side // 4, side // 4))
    buffer = io.BytesIO()
    frame.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def flops(model: Detector, pixels: Tensor) -> int | None:
    """Floating-point operations of a forward pass on uint8 [n, 3, s, s]; a multiply-add counts as two.

    PyTorch counts convolutions, matrix products and attention; the result is None if a model has none of them.
    """
    # The math backend computes attention as matrix products; the fused kernel of the CPU is not counted.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(pixels)
    return counter.get_total_flops() or None


def network_side(config: dict[str, Any], stored: int) -> int:
    """Input side of a network in pixels: its `input_size`, or the side of stored crops."""
    return int(config.get("input_size", stored))


def energy_counted(root: Path = POWERCAP) -> list[tuple[float, float]] | None:
    """Energy counter of each processor package and the value where it wraps, in joules; None if not readable."""
    try:
        zones = [
            zone
            for zone in sorted(root.glob("*-rapl:*"))
            if (zone / "name").read_text(encoding="utf-8").startswith("package")
        ]
        read = [[int((zone / file).read_text(encoding="utf-8")) / 1e6 for file in ENERGY] for zone in zones]
    except (OSError, ValueError):
        return None
    return [(now, end) for now, end in read] or None


def _calls(work: Work, settings: SpeedSettings) -> list[float]:
    """Call `work` as often as the settings ask; returns the seconds of each call."""
    seconds: list[float] = []
    total = 0.0
    while len(seconds) < settings.repeats or total < settings.seconds:
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
        total += seconds[-1]
    return seconds


def timed(work: Work, batch: int, settings: SpeedSettings, where: torch.device) -> dict[str, float | int | None]:
    """Measure time, memory and energy of calls of `work`, after one warm-up call.

    Args:
        work: the function to measure; it returns when its result is on the CPU.
        batch: pictures in one call.
        settings: minimum time and number of calls.
        where: device whose memory and energy are measured.

    Returns:
        `n`, the number of calls; `ms_p50` and `ms_p95`, milliseconds of a call; `images_per_second` over all calls;
        `peak_memory_mb` of the process, or of allocations on the GPU; `energy_j`, joules of a call for all
        processors, including other processes, or None if not available, as on a GPU.
    """
    on_gpu = where.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(where)
    else:
        restart_peak()
    work()
    before = None if on_gpu else energy_counted()
    seconds = _calls(work, settings)
    after = None if on_gpu else energy_counted()
    joules = None
    if before and after:
        joules = sum((end - start) % span for (start, span), (end, _) in zip(before, after, strict=True)) / len(
            seconds
        )
    p50, p95 = np.percentile(seconds, [50, 95])
    return {
        "images_per_second": batch * len(seconds) / sum(seconds),
        "ms_p50": 1000 * float(p50),
        "ms_p95": 1000 * float(p95),
        "n": len(seconds),
        "peak_memory_mb": torch.cuda.max_memory_allocated(where) / 1e6 if on_gpu else peak_memory_mb(),
        "energy_j": joules,
    }


def _model_alone(detector: TrainedDetector, crops: Tensor, batch: int, where: torch.device) -> Work:
    """A function that computes logits of crops uint8 [n, 3, s, s] on the device and copies them to the CPU."""
    model = detector.model.to(where).eval()
    ready = crops[torch.arange(batch) % len(crops)].to(where)

    def work() -> Tensor:
        with torch.inference_mode(), half(where):
            logits: Tensor = model(ready).cpu()
        return logits

    return work


def _bytes_to_verdict(
    detector: TrainedDetector, face_detector: FaceDetector, paths: list[str], batch: int, where: torch.device
) -> Work:
    """A function that runs all steps of `unseen predict` on the next `batch` files."""
    following: Iterator[str] = cycle(paths)
    ready = with_network(detector, face_detector, where)
    return lambda: list(predict(list(islice(following, batch)), ready, batch))


def measure_speed(
    detector: TrainedDetector, face_detector: FaceDetector, face_set: FaceSet, settings: SpeedSettings
) -> dict[str, Any]:
    """Measure the size of a detector, and its speed on the CPU and on the device in use.

    Args:
        detector: from `unseen.serve.torch_network.open_detector`.
        face_detector: from `unseen.serve.torch_network.open_detector`.
        face_set: real faces that may be evaluated.
        settings: batch sizes, pictures and number of calls.

    Returns:
        `machine`; `parameters`; `flops` of one picture and its input `side`; `pictures`; and `measured`, the result
        of `timed` for each device, batch size and `what` (`model` or `bytes_to_verdict`).

    Raises:
        UserError: the face detector finds no face in the pictures.
    """
    torch.set_num_threads(environment.threads(1))  # as `unseen predict` does, for the bare model as well
    keep_memory()
    crops = stored_crops(face_set, settings.pictures)
    seen = decode_crops(crops, fit=detector.model.view.fit)
    views = detector.model.view.views  # of a picture, all of which the network sees
    pixels = as_batch(seen.reshape(-1, *seen.shape[-3:]), torch.device("cpu"))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, crop in enumerate(crops):
            path = Path(folder, f"{number}.jpg")
            path.write_bytes(framed(crop, settings.side))
            paths.append(str(path))
        # Only pictures with exactly one face are used, so that a call scores exactly `batch` faces.
        found = predict(paths, with_network(detector, face_detector, torch.device("cpu")))
        paths = [one.name for one in found if len(one) == 1 and not one.not_scored]
        if not paths:
            raise UserError(
                f"{face_set.folder}: no face was found in its crops in pictures of {settings.side} px; "
                "raise `speed.side` or `speed.pictures`"
            )
        for where in dict.fromkeys([torch.device("cpu"), device()]):
            for batch in settings.batches:
                works = {
                    "model": _model_alone(detector, pixels, views * batch, where),
                    "bytes_to_verdict": _bytes_to_verdict(detector, face_detector, paths, batch, where),
                }
                for what, work in works.items():
                    title = {"device": where.type, "batch": batch, "what": what}
                    rows.append({**title, **timed(work, batch, settings, where)})
    detector.model.to("cpu")
    return {
        "machine": {
            "cpu": cpu(),
            "cores": cores(),
            "threads": torch.get_num_threads(),
            "gpu": gpu(),
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "system": f"{platform.system()} {platform.release()}",
        },
        "parameters": detector.card["parameters"],
        "flops": flops(detector.model, pixels[:views]),
        "side": network_side(detector.model.config, detector.faces.side),
        "pictures": {"different": len(paths), "side": settings.side},
        "measured": rows,
    }
