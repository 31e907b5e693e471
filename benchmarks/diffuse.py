"""What fakes by diffusion cost: pictures a second against a bare loop of the same pipeline, and peak memory.

    PYTHONPATH=src python benchmarks/diffuse.py --photo FACE.jpg --pictures 32
    PYTHONPATH=src python benchmarks/diffuse.py --photo FACE.jpg --model models/hub/sd_turbo --device cuda \
        --dtype float16 --batch 16 --side 512 --steps 2 --strength 0.5 --pictures 512

Without `--model` the pipeline is built from configs with random weights (`--channels`). In one run, in turns, on
equal pipelines, prompts, faces and device: `bare` calls the pipeline with prompts and seeded generators and does
nothing else; `stage` is `diffuse_set`, which reads, decodes, makes, rounds, detects, encodes, and writes checkpoints
and the set. Both have the same number of pictures in a call: one on the CPU, `--batch` on a GPU. Each round has its
own ratio. Peak memory is that of a process of its own for each, or of the GPU.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from machine import machine
from made_pictures import seconds, stored

from unseen.core.parallel import Parallel
from unseen.core.runtime import generator
from unseen.data.pictures import load_faces
from unseen.data.shards import FaceSet
from unseen.diffusion.fakes.blocks import Blocks
from unseen.diffusion.fakes.diffuse import Diffuse
from unseen.diffusion.fakes.pipeline import Painter
from unseen.diffusion.fakes.sets import diffuse_set
from unseen.diffusion.fakes.settings import DiffuseSettings
from unseen.faces.detect import FaceDetector, with_dynamic_input
from unseen.faces.settings import FaceSettings

MODES = ("bare", "stage")
ROOT = Path(__file__).resolve().parents[1]


def built(folder: Path, channels: Sequence[int]) -> Path:
    """Save a Stable Diffusion pipeline with random weights whose image to image keeps a face."""
    sys.path.append(str(ROOT / "tests"))
    import tiny_diffusion

    tiny_diffusion.stable_diffusion(folder, channels=channels)
    return folder


def image_to_image(**given: Any) -> DiffuseSettings:
    """Settings of image to image with one prompt, without captions and gate."""
    return DiffuseSettings(
        group="own",
        use="train",
        of="faces/photo",
        captions="none",
        model="hub/measured",
        mode="image_to_image",
        prompt="a photo of a face",
        gram_weights="none",
        **given,
    )


def bare(painter: Painter, knobs: DiffuseSettings, reals: FaceSet, each: int) -> None:
    """Make a picture of each face and nothing else."""
    from PIL import Image

    faces = [Image.fromarray(face).resize((knobs.side, knobs.side)) for face in load_faces([reals], ["train"]).pixels]
    for first in range(0, len(faces), each):
        some = faces[first : first + each]
        painter.pipe(
            prompt=[knobs.prompt] * len(some),
            image=some,
            generator=[generator(first, place) for place in range(len(some))],
            num_inference_steps=knobs.steps,
            strength=knobs.strength,
            guidance_scale=knobs.guidance,
        )


def work_of(mode: str, options: argparse.Namespace, folder: Path) -> Callable[[], object]:
    """The work to measure, with the pipeline loaded."""
    device = torch.device(options.device)
    knobs = image_to_image(
        steps=options.steps,
        strength=options.strength,
        guidance=options.guidance,
        side=options.side,
        dtype=options.dtype,
        batch=options.batch,
        offload=options.offload,
    )
    painter = Painter(options.model, knobs, device)
    reals = stored(folder / "photo", options.photo, options.stored_side, options.pictures)
    each = 1 if device.type == "cpu" else options.batch
    if mode == "bare":
        return lambda: bare(painter, knobs, reals, each)
    faces = FaceSettings(side=options.stored_side)
    model = with_dynamic_input(options.face_detector.read_bytes())
    maker = Diffuse(
        name="measured",
        settings=knobs,
        painter=painter,
        gate=None,
        captions={},
        revision="none",
        face_detector=FaceDetector(model, faces.detect),
        faces=faces,
        seed=0,
    )
    blocks = Blocks(folder / "scratch")

    def stage() -> None:
        blocks.clear()
        counts = diffuse_set(maker, [reals], [], blocks, folder / "made", Parallel())
        if counts["kept"] < 0.9 * counts["read"]:
            sys.exit(f"only {counts['kept']} of {counts['read']} pictures have a face: {counts['dropped']}")

    return stage


def peak_mb(mode: str) -> float:
    """Peak memory in MB of a process that does one kind of work once."""
    done = subprocess.run(
        [sys.executable, *sys.argv, "--only", mode], check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="folder of a pipeline; default: one of random weights")
    parser.add_argument("--channels", type=int, nargs=2, default=[32, 64], help="of the UNet of random weights")
    parser.add_argument("--photo", type=Path, required=True, help="a photo of a face, cropped to it")
    parser.add_argument("--face-detector", type=Path, default=Path("models/assets/centerface/centerface.onnx"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"], default="float32")
    parser.add_argument("--offload", choices=["none", "model", "sequential"], default="none")
    parser.add_argument("--side", type=int, default=128, help="pixels of a made picture")
    parser.add_argument("--stored-side", type=int, default=128, help="pixels of a stored crop")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--strength", type=float, default=0.2)
    parser.add_argument("--guidance", type=float, default=0.0)
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=MODES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as name:
        options.model = options.model or built(Path(name, "model"), options.channels)
        if options.only:
            seconds(work_of(options.only, options, Path(name)))
            on_gpu = options.device.startswith("cuda")
            used = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else 0
            print(used if on_gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            return
        works = {mode: work_of(mode, options, Path(name, mode)) for mode in MODES}
        for work in works.values():
            work()  # warm up
        took: dict[str, list[tuple[float, float]]] = {mode: [] for mode in MODES}
        for _ in range(options.rounds):
            for mode, work in works.items():
                took[mode].append(seconds(work))
        del works
    for mode, each in took.items():
        rates = [options.pictures / one for one, _ in each]
        print(
            f"{mode}: {statistics.median(rates):.2f} pictures/s ({min(rates):.2f} to {max(rates):.2f}), peak memory "
            f"{peak_mb(mode):,.0f} MB"
        )
    for place, what in enumerate(("wall", "CPU")):
        pairs = zip(took["bare"], took["stage"], strict=True)
        ratios = [alone[place] / whole[place] for alone, whole in pairs]
        spread = f"({min(ratios):.3f} to {max(ratios):.3f})"
        print(f"stage / bare, pictures per second of {what} time: {statistics.median(ratios):.3f} {spread}")
    print(
        f"n = {options.rounds} rounds of {options.pictures} pictures of {options.side} px, {options.steps} steps x "
        f"{options.strength}, {options.threads} threads, device {options.device}, {options.dtype}"
    )
    print(f"diffusers {version('diffusers')}, transformers {version('transformers')}; {machine()}")


if __name__ == "__main__":
    main()
