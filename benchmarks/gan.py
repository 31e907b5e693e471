"""What a GAN's step costs: images a second against a plain loop and against a ceiling, and peak memory.

    PYTHONPATH=src python benchmarks/gan.py --gan dcgan --params params.yaml PICTURES
    PYTHONPATH=src python benchmarks/gan.py --gan dcgan --size 128 --batch 128 --images 20000 PICTURES

PICTURES is a folder of pictures, which are resized to the size. In one run, in turns, with the same networks, batch
and device: `ours` is `unseen.gans.training.train` on these faces; `ceiling` is the same loop on a batch that is on
the device already, so that nothing is drawn, looked up or flipped; `plain` is a loop as PyTorch's own DCGAN example
has it, written anew: a DataLoader that opens the files, float32, no fused optimizer, and a discriminator whose
gradients are computed in the generator's turn and thrown away. Each round reports its own ratio. On a GPU the share
of its peak is that of the loop's own multiplications, counted by torch, over the bfloat16 peak that `--peak-tflops`
gives.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from machine import machine
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from unseen.core.kinds import read_kind
from unseen.core.runtime import prepare
from unseen.core.scratch import Scratch
from unseen.gans.shared.networks import build_gan, placed
from unseen.gans.shared.reals import Reals
from unseen.gans.shared.settings import GanSettings
from unseen.gans.training.losses import loss_of
from unseen.gans.training.train import train

WARM = 5
"""Steps before the clock starts."""


class Timed(Reals):
    """Faces that note when the step after the warm ones begins."""

    start = 0.0
    calls = 0

    def batch(self, rows: Tensor, mirrored: Tensor) -> Tensor:
        if self.calls == WARM:
            synchronise(self.device)
            self.start = time.perf_counter()
        self.calls += 1
        return super().batch(rows, mirrored)


class Ready(Timed):
    """One batch on the device, over and over."""

    def __init__(self, pixels: np.ndarray[Any, Any], device: torch.device, batch: int) -> None:
        super().__init__(pixels, device)
        rows = torch.arange(batch) % len(self)
        self._fixed = rows, rows < 0
        self._ready = super().batch(*self._fixed)
        self.calls = 0

    def draw(self, count: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        return self._fixed

    def batch(self, rows: Tensor, mirrored: Tensor) -> Tensor:
        if self.calls == WARM:
            synchronise(self.device)
            self.start = time.perf_counter()
        self.calls += 1
        return self._ready


class Files(Dataset[Tensor]):
    """Pictures opened one by one, as most loops do."""

    def __init__(self, files: list[Path], size: int) -> None:
        self._files, self._size = files, size

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, row: int) -> Tensor:
        picture = Image.open(self._files[row]).convert("RGB")
        if picture.size != (self._size, self._size):
            picture = picture.resize((self._size, self._size), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 127.5 - 1.0


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def unjudged(averaged: nn.Module, discriminator: nn.Module, row: dict[str, float]) -> tuple[dict[str, float], Tensor]:
    """In the judge's place: nothing is measured but the loop."""
    return row, torch.zeros(1, 3, 1, 1, dtype=torch.uint8)


def ours(reals: Timed, settings: GanSettings) -> float:
    """Images a second of the loop."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["UNSEEN_CHECKPOINT_SECONDS"] = "1e9"
        train(reals, unjudged, settings, 1, Scratch(Path(folder), "bench", time.time()))  # type: ignore[arg-type]
        synchronise(reals.device)
        return (settings.steps - WARM) * settings.batch / (time.perf_counter() - reals.start)


def plain(files: Files, settings: GanSettings, size: int, device: torch.device) -> float:
    """Images a second of a plain loop."""
    g, d = (net.to(device) for net in build_gan(settings, size, 1))
    betas = (settings.beta1, settings.beta2.end)
    g_optimizer = torch.optim.Adam(g.parameters(), settings.learning_rate.end, betas)
    d_optimizer = torch.optim.Adam(d.parameters(), settings.learning_rate.end, betas)
    loss = loss_of(settings)
    loader = DataLoader(files, settings.batch, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True)
    steps, start = 0, 0.0
    while True:
        for batch in loader:
            if steps == WARM:
                synchronise(device)
                start = time.perf_counter()
            if steps == settings.steps:
                synchronise(device)
                return (steps - WARM) * settings.batch / (time.perf_counter() - start)
            real = batch.to(device)
            d.zero_grad()
            fake = g(torch.randn(settings.batch, settings.latent, device=device))
            d_loss = loss.discriminator(d(real), d(fake.detach()))
            d_loss.backward()
            d_optimizer.step()
            g.zero_grad()
            g_loss = loss.generator(d(real), d(fake)) if loss.paired else loss.generator(d_loss.detach(), d(fake))
            g_loss.backward()
            g_optimizer.step()
            steps += 1


def flops(settings: GanSettings, size: int, device: torch.device) -> float:
    """Floating-point operations of a step for each image, by torch's count of multiplications: G once forth and back,
    D twice forth and back for itself and once for G."""
    g, d = (placed(net, device) for net in build_gan(settings, size, 1))
    latents = torch.randn(settings.batch, settings.latent, device=device)
    with FlopCounterMode(display=False) as counter:
        fake = g(latents)
        (d(fake.detach()).sum() + d(fake.detach()).sum()).backward()
        d.requires_grad_(False)
        d(fake).sum().backward()
    return counter.get_total_flops() / settings.batch


def memory(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.max_memory_allocated() / 2**30:.2f} GiB of GPU memory"
    return f"{psutil.Process().memory_info().rss / 2**30:.2f} GiB resident"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--gan", default="dcgan", help="key below `gans` in the params file")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--images", type=int, default=3200, help="seen in each round by each loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-penalty", action="store_true", help="for a fair match: the plain loop has none")
    parser.add_argument("--peak-tflops", type=float, default=0.0)
    arguments = parser.parse_args()
    settings = read_kind(arguments.params, ["gans", arguments.gan], "gans/architectures", "architecture")
    changed = {
        "batch": arguments.batch,
        "images": arguments.images,
        "sample_every": 10**12,
        "channels": 3,
        "snapshots": [],
    }
    changed |= {"penalty": 0.0} if arguments.without_penalty else {}
    settings = type(settings).model_validate({**settings.model_dump(), **changed})
    device = prepare()
    files = Files(
        sorted(path for path in arguments.pictures.rglob("*") if path.suffix in (".jpg", ".png"))[:5000],
        arguments.size,
    )
    if len(files) < settings.batch:
        sys.exit(f"{arguments.pictures}: fewer pictures than a batch")
    pixels = np.stack(
        [((files[row] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy() for row in range(len(files))]
    )
    rates: dict[str, list[float]] = {"ours": [], "ceiling": [], "plain": []}
    for _ in range(arguments.rounds):
        rates["ours"].append(ours(Timed(pixels, device), settings))
        rates["ceiling"].append(ours(Ready(pixels, device, settings.batch), settings))
        peak = memory(device)
        rates["plain"].append(plain(files, settings, arguments.size, device))
    print(
        f"{arguments.gan}, {arguments.size} px, batch {settings.batch}, {len(files)} faces, {settings.images} images"
    )
    for name, found in rates.items():
        print(f"{name:8} {statistics.median(found):9.1f} images/s ({min(found):.1f} to {max(found):.1f})")
    for name in ("ceiling", "plain"):
        ratios = [o / s for o, s in zip(rates["ours"], rates[name], strict=True)]
        print(f"ours / {name}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    print(f"peak memory of ours: {peak}")
    each = flops(settings, arguments.size, device)
    used = each * statistics.median(rates["ours"]) / 1e12
    share = f", {used / arguments.peak_tflops:.1%} of the peak" if arguments.peak_tflops else ""
    print(f"{each / 1e9:.2f} GFLOP an image, {used:.3f} TFLOP/s{share}")
    print(machine())


if __name__ == "__main__":
    main()
