"""How fast a detector is, and what it takes: from a file's bytes to a verdict, and the model alone.

The pictures are stored crops of real people, enlarged to the middle half of a grey JPEG of `side` pixels, since the
faces' originals are not kept. So the face detector looks at pictures of that side; of larger ones it takes longer.
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

from unseen.core.errors import UserError
from unseen.core.runtime import device, half
from unseen.data.pictures import decode_crops
from unseen.data.sample import evenly
from unseen.data.shards import FaceSet, measurable
from unseen.detectors.shared.artifact import TrainedDetector
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.logits import as_batch
from unseen.faces.detect import FaceDetector
from unseen.serve.predict import ScoredFace, predict
from unseen.speed.machine import cores, cpu, gpu, peak_memory_mb, restart_peak
from unseen.speed.settings import SpeedSettings

POWERCAP = Path("/sys/class/powercap")
"""Where Linux counts a processor's energy; mostly only its owner may read that."""

GREY, QUALITY = 128, 90

ENERGY = ("energy_uj", "max_energy_range_uj")

Work = Callable[[], object]


def stored_crops(face_set: FaceSet, count: int) -> list[bytes]:
    """Some of a set's crops as they are stored, as good as drawn at random, but always the same."""
    splits = measurable(face_set)
    ids = [name for batch in face_set.batches(splits, ["id"]) for name in batch["id"].to_pylist()]
    chosen = set(evenly(ids, count))
    found: list[bytes] = []
    for batch in face_set.batches(splits, ["id", "image"]):
        jpegs = batch["image"].field("bytes").to_pylist()
        found += [jpeg for name, jpeg in zip(batch["id"].to_pylist(), jpegs, strict=True) if name in chosen]
    return found


def framed(crop: bytes, side: int) -> bytes:
    """A picture of `side` x `side` pixels as JPEG, grey but for its middle half, which a crop fills."""
    frame = Image.new("RGB", (side, side), (GREY, GREY, GREY))
    face = Image.open(io.BytesIO(crop)).convert("RGB").resize((side // 2, side // 2), Image.Resampling.LANCZOS)
    frame.paste(face, (side // 4, side // 4))
    buffer = io.BytesIO()
    frame.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def flops(model: Detector, pixels: Tensor) -> int | None:
    """Floating-point operations of a forward pass on uint8 [n, 3, s, s], a multiplication and an addition as two.

    Those of convolutions, matrix products and attention, as PyTorch counts them; None where there is none of these.
    """
    # Attention as its matrix products: the fused one of the CPU is not counted.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(pixels)
    return counter.get_total_flops() or None


def network_side(config: dict[str, Any], stored: int) -> int:
    """Pixels of the side that a network sees: its own, or that of a stored crop."""
    return int(config.get("input_size", stored))


def energy_counted(root: Path = POWERCAP) -> list[tuple[float, float]] | None:
    """What each processor package has counted, and where its count starts again, in joules; None if not readable."""
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
    """Seconds of each call of `work`."""
    seconds: list[float] = []
    total = 0.0
    while len(seconds) < settings.repeats or total < settings.seconds:
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
        total += seconds[-1]
    return seconds


def timed(work: Work, batch: int, settings: SpeedSettings, where: torch.device) -> dict[str, float | int | None]:
    """Time, memory and energy of calls of `work`, after one that is not counted.

    Args:
        work: ends when its result is on the CPU.
        batch: pictures of one call.
        settings: how often it is called.
        where: whose memory and energy count.

    Returns:
        `n` calls, the milliseconds of one (`ms_p50`, `ms_p95`), and `images_per_second` of all; `peak_memory_mb` of
        the whole process, or on a GPU of what was allocated there; `energy_j` of one call, counted for whole
        processors with whatever else ran on them, or None where it can't be read, as on a GPU.
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
    """A call of the network on crops uint8 [n, 3, s, s] that are on the device, until its logits are on the CPU."""
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
    """A call of all that `unseen predict` does, on the next files each time."""
    following: Iterator[str] = cycle(paths)
    return lambda: list(predict(list(islice(following, batch)), detector, face_detector, batch, where))


def measure_speed(
    detector: TrainedDetector, face_detector: FaceDetector, face_set: FaceSet, settings: SpeedSettings
) -> dict[str, Any]:
    """A detector's size, and its speed on the CPU and on the device in use.

    Args:
        detector: from `unseen.serve.predict.open_detector`, and so is `face_detector`.
        face_set: real people that may be measured on.
        settings: how often, and on what.

    Returns:
        `machine`, `parameters`, `flops` of one picture and the `side` it has for the network, `pictures`, and
        `measured`: for each device, batch, and `what` (`model` or `bytes_to_verdict`) what `timed` gives.

    Raises:
        UserError: the face detector finds no face in these pictures.
    """
    crops = stored_crops(face_set, settings.pictures)
    pixels = as_batch(decode_crops(crops), torch.device("cpu"))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, crop in enumerate(crops):
            path = Path(folder, f"{number}.jpg")
            path.write_bytes(framed(crop, settings.side))
            paths.append(str(path))
        # One face each, or a call would have more or fewer than its batch.
        found = predict(paths, detector, face_detector, where=torch.device("cpu"))
        paths = [
            path
            for path, faces in zip(paths, found, strict=True)
            if len(faces) == 1 and isinstance(faces[0], ScoredFace)
        ]
        if not paths:
            raise UserError(
                f"{face_set.folder}: no face is found in its crops on pictures of {settings.side} px; "
                "raise `speed.side` or `speed.pictures`"
            )
        for where in dict.fromkeys([torch.device("cpu"), device()]):
            for batch in settings.batches:
                works = {
                    "model": _model_alone(detector, pixels, batch, where),
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
        "flops": flops(detector.model, pixels[:1]),
        "side": network_side(detector.model.config, detector.faces.side),
        "pictures": {"different": len(paths), "side": settings.side},
        "measured": rows,
    }
