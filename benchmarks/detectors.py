"""The cost of a detector: training and scoring in images a second, compared with the network alone, and peak memory.

    PYTHONPATH=src python benchmarks/detectors.py
    PYTHONPATH=src python benchmarks/detectors.py --backbones resnet50 --size 224 --images 6400 --workers 1 2 4 8
    PYTHONPATH=src python benchmarks/detectors.py --pictures FOLDER

Both sides have the same network, batch and device, and are measured alternately. Training:
`unseen.detectors.shared.loop` on stored JPEGs, which are drawn, decoded and augmented; the bare side is forward,
backward and step on a batch that is on the device. Scoring: from Parquet to logits, as in the stage `score`; the bare
side is the forward pass. `--workers` repeats the training with these numbers of threads that prepare pictures
(`UNSEEN_WORKERS`). Checkpoints and validation are not included. On a CPU the ratio of CPU times is printed too: other
work on the machine affects it less.

Pictures are drawn (discs and bars of random colours), or come from a folder; weights are random.
"""

import argparse
import io
import os
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from machine import machine
from PIL import Image, ImageDraw
from torch import Tensor

from unseen.core.runtime import half, prepare
from unseen.core.scratch import Scratch
from unseen.data.face_rows import FaceRow
from unseen.data.pictures import Crops, load_crops, stream
from unseen.data.set_writer import write_set
from unseen.data.shards import FaceSet, open_set
from unseen.detectors.shared import loop
from unseen.detectors.shared.backbone import Backboned
from unseen.detectors.shared.base import Detector, Task
from unseen.detectors.shared.batches import Batches
from unseen.detectors.shared.logits import SCORING_BATCH, as_batch, logits_of
from unseen.detectors.shared.settings import NetworkSettings

WARM = 5
"""Steps before the clock starts."""

Rates = tuple[float, float]

BACKBONES = ["tf_efficientnet_lite0", "resnet50", "vit_base_patch16_224"]


class Clock:
    """Images a second since it was made, and images a second of CPU time over all threads."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        synchronise(device)
        self._start = time.perf_counter(), time.process_time()

    def rates(self, count: int) -> tuple[float, float]:
        synchronise(self._device)
        wall, cpu = self._start
        return count / (time.perf_counter() - wall), count / (time.process_time() - cpu)


class Timed(Backboned):
    """A network that starts a clock when the step after the warm ones begins."""

    clock: Clock
    calls = 0

    def loss(self, pixels: Tensor, labels: Tensor, rows: np.ndarray, task: Task) -> Tensor:  # type: ignore[type-arg]
        if self.calls == WARM:
            self.clock = Clock(pixels.device)
        self.calls += 1
        return super().loss(pixels, labels, rows, task)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def network(backbone: str, size: int) -> Timed:
    options: dict[str, Any] = {"img_size": size} if backbone.startswith("vit") else {}
    torch.manual_seed(0)
    return Timed(backbone, size, **options)


def shapes(number: int, size: int) -> Image.Image:
    """A picture without noise, whose JPEG is as large as a face's."""
    random = np.random.default_rng(number)
    picture = Image.new("RGB", (size, size), tuple(random.integers(0, 256, 3).tolist()))
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        (left, top), (width, height) = random.uniform(-0.2, 1, 2) * size, random.uniform(0.1, 0.6, 2) * size
        shape = draw.ellipse if random.random() < 0.5 else draw.rectangle
        shape((left, top, left + width, top + height), fill=tuple(random.integers(0, 256, 3).tolist()))
    return picture


def jpegs(folder: Path | None, count: int, size: int) -> list[bytes]:
    """Stored crops."""
    found = []
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png")) if folder else []
    for number in range(count):
        picture = Image.open(files[number % len(files)]).convert("RGB") if files else shapes(number, size)
        buffer = io.BytesIO()
        picture.resize((size, size), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=75 + number % 21)
        found.append(buffer.getvalue())
    return found


def stored(root: Path, files: list[bytes]) -> list[FaceSet]:
    """Half of the files as reals and half as fakes; every tenth is for validation."""
    found = []
    for label, name in enumerate(("people", "own")):
        rows = (
            FaceRow(
                jpeg=data,
                path=f"{number:06d}.jpg",
                label=label,
                generator=name if label else "",
                source=name,
                identity=f"{name}/{number}",
                split="val" if number % 10 == 0 else "train",
                sha256=f"{number:064x}",
                dhash="0" * 64,
                picture_dhash="0" * 64,
                width=1,
                height=1,
                box=(0.0,) * 4,
                landmarks=(0.0,) * 10,
                detection_score=1.0,
            )
            for number, data in enumerate(files[label::2])
        )
        write_set(root / name, name, "train", label, rows)
        found.append(open_set(root / name))
    return found


def trained(model: Timed, faces: Crops, settings: NetworkSettings, device: torch.device) -> Rates:
    """Rates of the loop's steps, up to the only validation, which follows the last step."""
    found: list[Rates] = []

    def stop(*_: object) -> float:
        found.append(model.clock.rates((settings.steps - WARM) * settings.batch))
        return 1.0

    os.environ["UNSEEN_CHECKPOINT_SECONDS"] = "1e9"
    model.calls = 0
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(loop, "_validation_loss", stop):
        loop.fit(model, Task(settings, faces, faces, 1, Scratch(Path(folder), "bench", time.time())))
    return found[0]


def bare_training(model: Timed, settings: NetworkSettings, faces: Crops, device: torch.device) -> Rates:
    """Rates of forward, backward and step on a batch that is ready."""
    model.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = loop.OPTIMIZERS[settings.optimizer](model.parameters(), lr=1e-4, weight_decay=0.01)
    pixels = as_batch(faces.take(range(settings.batch)), device)
    labels = (torch.arange(settings.batch, device=device) % 2).float()
    for step in range(settings.steps):
        if step == WARM:
            clock = Clock(device)
        with half(device):
            loss = Detector.loss(model, pixels, labels, np.empty(0, np.int64), None)  # type: ignore[arg-type]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return clock.rates((settings.steps - WARM) * settings.batch)


def scored(model: Timed, sets: list[FaceSet], device: torch.device) -> Rates:
    """Rates from shards to logits."""
    clock = Clock(device)
    for faces in stream(sets, ["train", "val"], ["id", "label"]):
        logits_of(model, faces.pixels, device)
    return clock.rates(sum(face_set.counts["kept"] for face_set in sets))


@torch.inference_mode()
def bare_scoring(model: Timed, count: int, faces: Crops, device: torch.device) -> Rates:
    """Rates of the forward on a batch that is ready."""
    pixels = as_batch(faces.take(range(SCORING_BATCH)), device)
    model.eval()
    clock, batches = Clock(device), max(1, count // SCORING_BATCH)
    for _ in range(batches):
        with half(device):
            model(pixels)
    return clock.rates(batches * SCORING_BATCH)


def memory(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.max_memory_allocated() / 2**30:.2f} GiB of GPU memory"
    unit = 1 if sys.platform == "darwin" else 1024
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30:.2f} GiB resident so far"


def spread(values: list[float], digits: int = 1) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def compared(title: str, rounds: list[tuple[Rates, Rates]], device: torch.device) -> None:
    """Print the rates of both sides, and their ratio in each round."""
    own, bare = ([each[0] for each in side] for side in zip(*rounds, strict=True))
    ratios = [spread([mine[kind] / theirs[kind] for mine, theirs in rounds], 2) for kind in (0, 1)]
    by_cpu = f", by CPU time {ratios[1]}" if device.type == "cpu" else ""
    print(f"  {title}: {spread(own)} images/s, bare {spread(bare)}, ratio {ratios[0]}{by_cpu}")


def prepared(faces: Crops, settings: NetworkSettings, steps: int, device: torch.device) -> Rates:
    """Rates of one thread that draws, decodes and augments, without training."""
    batches, clock = Batches(faces, settings, 1), Clock(device)
    with ThreadPoolExecutor(1) as one:
        for step in range(steps):
            batches._batch(step, one, slice(None))
    return clock.rates(steps * settings.batch)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, help="a folder of pictures; default: drawn ones")
    parser.add_argument("--backbones", nargs="+", default=BACKBONES, help="timm's names; default: %(default)s")
    parser.add_argument("--size", type=int, default=128, help="of crops and input; default: %(default)s")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--images", type=int, default=3200, help="trained on, and scored, in each round")
    parser.add_argument("--stored", type=int, default=2000, help="pictures in the shards")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="*", default=[], help="threads, one training with each")
    given = parser.parse_args()
    device = prepare()
    settings = NetworkSettings.model_validate(
        {
            "kind": "efficientnet_lite0",
            "weights": "none",
            "train_on": {"reals": "faces/people", "fakes": "fakes/own"},
            "input_size": given.size,
            "steps": WARM + max(1, given.images // given.batch),
            "frozen_steps": 0,
            "batch": given.batch,
            "learning_rate": 1e-4,
            "weight_decay": 0.01,
            "validate_every": 10**9,
            "augment": {"blur": 0.5, "blur_sigma": 1.5, "jpeg": 0.5, "jpeg_low": 30},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        files = jpegs(given.pictures, given.stored, given.size)
        sets = stored(Path(folder), files)
        faces = load_crops(sets, ["train"], ["label", "source", "generator"])
        again = -(-given.images // given.stored)
        ready = statistics.median(prepared(faces, settings, 4, device)[1] for _ in range(3))
        print(
            f"{given.size} px, batch {given.batch}, {(settings.steps - WARM) * given.batch} images a round, "
            f"{given.rounds} rounds; {given.stored} JPEGs of {np.mean(list(map(len, files))) / 1024:.1f} KiB; "
            f"a core prepares {ready:.0f} images/s"
        )
        for name in given.backbones:
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            model, pairs = network(name, given.size), range(given.rounds)
            training = [
                (trained(model, faces, settings, device), bare_training(model, settings, faces, device))
                for _ in pairs
            ]
            peak = memory(device)
            scored(model, sets, device)  # every size of batch is seen once before the clock counts
            scoring = [
                (scored(model, sets * again, device), bare_scoring(model, given.stored * again, faces, device))
                for _ in pairs
            ]
            weights = sum(weight.numel() for weight in model.parameters())
            print(f"{name}: {weights / 1e6:.1f} M weights, peak {peak} while training")
            compared("training", training, device)
            compared("scoring", scoring, device)
            for workers in given.workers:
                os.environ["UNSEEN_WORKERS"] = str(workers)
                found = [trained(model, faces, settings, device)[0] for _ in pairs]
                print(f"  training, {workers} threads prepare: {spread(found)} images/s")
            os.environ.pop("UNSEEN_WORKERS", None)
    print(machine())


if __name__ == "__main__":
    main()
