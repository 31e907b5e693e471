"""What twins by a pretrained autoencoder cost: pictures a second against a bare loop, and peak memory.

    PYTHONPATH=src python benchmarks/twins.py --photo FACE.jpg --side 128 --pictures 256
    PYTHONPATH=src python benchmarks/twins.py --photo FACE.jpg --side 512 --batch 16 --vae models/hub/sd_vae

Without `--vae` the autoencoder is built from a config with random weights, by `--channels` and `--layers`. In one
run, in turns, on the same network, pictures, batch and device: `bare` encodes and decodes batches that are in memory
and does nothing else; `network` is `unseen.autoencoders.twins.reconstruct` on the same decoded faces, which also
draws the latents of each face by a generator of its own, rounds and copies back; `stage` is `twin_set`, which reads,
decodes JPEG, undoes the first encode, detects, encodes and writes. Each round has its own ratio network / bare, and
the share of the stage's time in which the network did not work. Faces are one photo with noise, so that all are
detected.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
from machine import machine
from made_pictures import seconds, stored
from torch import Tensor

from unseen.autoencoders.makers import TwinMakers
from unseen.autoencoders.pretrained import Pretrained, load_pretrained
from unseen.autoencoders.settings import TwinSettings
from unseen.autoencoders.twins import BATCH, reconstruct, twin_set
from unseen.core.runtime import prepare
from unseen.data.face_rows import SCHEMA, FaceRow
from unseen.data.pictures import decode_crop
from unseen.faces.detect import FaceDetector, with_dynamic_input
from unseen.faces.settings import FaceSettings
from unseen.gans.shared.networks import to_unit_range


def built(folder: Path, channels: list[int], layers: int) -> Path:
    """Save an AutoencoderKL with random weights."""
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    AutoencoderKL(
        block_out_channels=channels,
        layers_per_block=layers,
        down_block_types=["DownEncoderBlock2D"] * len(channels),
        up_block_types=["UpDecoderBlock2D"] * len(channels),
        latent_channels=4,
        norm_num_groups=min(32, *channels),
    ).save_pretrained(folder)
    return folder


@torch.no_grad()
def bare(net: Pretrained, batches: list[Tensor], random: torch.Generator) -> None:
    """Encode, sample, decode and copy back, and nothing else."""
    device = next(net.parameters()).device
    for pictures in batches:
        encoded = net.vae.encode(to_unit_range(pictures.to(device)).to(net.vae.dtype))
        latents = encoded.latent_dist.sample(random) if hasattr(encoded, "latent_dist") else encoded.latents
        net.vae.decode(latents).sample.float().cpu()


class Timed(Pretrained):
    """A network that sums the time of its calls."""

    took = 0.0

    def forward(self, *given: Any) -> Tensor:
        start = time.perf_counter()
        made = super().forward(*given)
        if made.is_cuda:
            torch.cuda.synchronize()
        self.took += time.perf_counter() - start
        return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", type=Path, help="folder of a pretrained autoencoder; default: one of random weights")
    parser.add_argument("--channels", type=int, nargs="+", default=[8, 16, 32, 32])
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--photo", type=Path, required=True, help="a photo of a face, cropped to it")
    parser.add_argument("--face-detector", type=Path, default=Path("models/assets/centerface/centerface.onnx"))
    parser.add_argument("--side", type=int, default=128, help="pixels")
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--dtype", choices=["auto", "float32", "float16"], default="auto")
    parser.add_argument("--low-frequencies", type=float, default=0.5, help="of the real, so that a face is detected")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    device = prepare()
    knobs = TwinSettings(
        group="own",
        use="train",
        autoencoder="hub/vae",
        of="faces/photo",
        low_frequencies=options.low_frequencies,
        batch=options.batch,
    )
    plain = knobs.model_copy(update={"low_frequencies": 0.0})
    face_detector = FaceDetector(with_dynamic_input(options.face_detector.read_bytes()), FaceSettings().detect)
    faces = FaceSettings(side=options.side)
    print(f"{machine()}; {device}, {torch.get_num_threads()} threads, {options.side} px, batch {options.batch}")
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        folder = options.vae or built(scratch / "vae", options.channels, options.layers)
        net, has_distribution = load_pretrained(folder, options.dtype, device)
        timed = Timed(net.vae, net.factor).eval()
        print(f"{sum(weight.numel() for weight in net.parameters()) / 1e6:.2f} M parameters, {net.vae.dtype}")
        reals = stored(scratch / "photo", options.photo, options.side, options.pictures)
        rows = [
            FaceRow.from_record(record)
            for batch in reals.batches(["train"], SCHEMA.names)
            for record in batch.to_pylist()
        ]
        crops = [decode_crop(row.jpeg) for row in rows]
        pictures = torch.stack([torch.from_numpy(crop.copy()).permute(2, 0, 1) for crop in crops])
        makers = TwinMakers("vae", {None: net}, has_distribution)

        def network() -> None:
            for first in range(0, len(rows), BATCH):
                part = slice(first, first + BATCH)
                reconstruct("twins", plain, makers, rows[part], crops[part], 0)

        def stage() -> None:
            timed.took = 0.0
            twin_set(
                "twins",
                knobs,
                TwinMakers("vae", {None: timed}, has_distribution),
                [reals],
                face_detector,
                faces,
                0,
                scratch / f"twins-{time.monotonic_ns()}",
            )

        ways: dict[str, Callable[[], object]] = {
            "bare": lambda: bare(net, list(torch.split(pictures, options.batch)), torch.Generator().manual_seed(0)),
            "network": network,
            "stage": stage,
        }
        took: dict[str, list[float]] = {name: [] for name in ways}
        cpu: dict[str, list[float]] = {name: [] for name in ways}
        shares, peaks = [], dict.fromkeys(ways, 0.0)
        for number in range(options.rounds + 1):  # the first is not counted
            order = list(ways) if number % 2 else list(ways)[::-1]
            for name in order:
                if device.type == "cuda":
                    torch.cuda.reset_peak_memory_stats()
                spent, used = seconds(ways[name])
                if number:
                    took[name].append(spent)
                    cpu[name].append(used)
                    if name == "stage":
                        shares.append(1 - timed.took / spent)
                gpu = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
                peaks[name] = max(peaks[name], gpu or psutil.Process().memory_info().rss)
        for name, values in took.items():
            rates = [options.pictures / one for one in values]
            memory = "GPU peak" if device.type == "cuda" else "memory after it"
            print(
                f"{name:8} {statistics.median(rates):8.1f} pictures/s ({min(rates):.1f} to {max(rates):.1f}), "
                f"{memory} {peaks[name] / 2**30:.2f} GiB"
            )
        for what, values in (("wall time", took), ("CPU time", cpu)):
            ratios = [one / other for one, other in zip(values["bare"], values["network"], strict=True)]
            print(f"network / bare, {what}: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
        print(f"outside of the network {statistics.median(shares):.0%} of the stage")


if __name__ == "__main__":
    main()
