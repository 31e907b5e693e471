"""Compare the speed of an ONNX export with PyTorch, and test which kinds of detectors can be exported.

    UNSEEN_THREADS=1 PYTHONPATH=src python benchmarks/export.py speed DETECTOR EXPORT PICTURE
    UNSEEN_THREADS=1 PYTHONPATH=src python benchmarks/export.py kinds FACES

DETECTOR is the folder of a detector, EXPORT one that `unseen export` wrote, PICTURE a picture with a face. `speed`
prints milliseconds of the network at batch 1 and 32 in PyTorch and in ONNX Runtime, and of `unseen predict` on one
picture from process start to end, with both backends. The runs are interleaved, so that other load on the machine
slows both. CPU time, which depends less on other load, is printed too.

`kinds` exports a network of each kind, with random weights, for crops of 96 px and an input of 64, and prints the
largest difference of logits from PyTorch at batch sizes 1, 2, 5 and 33, on faces of the sets below FACES. ViTs have
two blocks. `--only KIND ...` selects kinds.
"""

import argparse
import importlib
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import machine
from PIL import Image

from unseen.core import environment
from unseen.core.errors import UserError
from unseen.core.runtime import keep_memory
from unseen.data.pictures import Pixels, decode_crop
from unseen.data.shards import sets_below
from unseen.detectors.shared.artifact import load_detector
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.logits import as_batch, logits_of
from unseen.serve.onnx.folder import open_exported
from unseen.serve.onnx.graph import graph_of
from unseen.serve.onnx.network import OnnxNetwork
from unseen.serve.onnx.parity import BATCHES

SIDE, INPUT = 96, 64

GAN = {"architecture": "dcgan", "train_on": "faces/people"}

VIT: dict[str, Any] = {"backbone": "vit_tiny_patch16_224", "input_size": INPUT, "depth": 2}
FREE = {**VIT, "dynamic_img_size": True}
CNN: dict[str, Any] = {"input_size": INPUT}
ELA = {"quality": 90, "scale": 15.0}
READY = {"resize_to": 80, "mean": [0.5] * 3, "std": [0.25] * 3, "fake_is": 0}

KINDS: dict[str, list[dict[str, Any]]] = {
    "efficientnet_lite0": [{**CNN, "backbone": "tf_efficientnet_lite0", "ela": ELA}],
    "mobilenet_v1": [{**CNN, "backbone": "mobilenetv1_100"}],
    "densenet121": [{**CNN, "backbone": "densenet121"}],
    "inception_resnet_v2": [{"backbone": "inception_resnet_v2", "input_size": SIDE}],
    "resnet50_two_phase": [{**CNN, "backbone": "resnet50", "dense": 128}],
    "resnet_nodown": [{**CNN, "backbone": "resnet18", "crop": 32}],
    "neighbour_residual": [{**CNN, "backbone": "resnet50", "stage": 2}],
    "patch": [{**CNN, "backbone": "resnet18", "stage": 2}],
    "xception_fair": [{**CNN, "backbone": "legacy_xception"}],
    "linear_probe": [
        FREE,
        {**FREE, "tokens": "class", "norm": "before"},
        {**FREE, "tokens": "mean", "norm": "after"},
    ],
    "layernorm_tuned": [FREE],
    "vit_lora": [FREE],
    "ready_checkpoint": [{**VIT, **READY, "img_size": INPUT}],
    "dct_logistic": [{"size": SIDE}],
    "discriminator": [{"gan": GAN, "input_size": INPUT}],
    "raw_discriminator": [{"gan": GAN, "size": INPUT}],
}
"""Arguments that rebuild a network of each kind, in several variants."""


def drawn(model: Detector) -> Detector:
    """Randomise zero weights, so that the logits of different faces differ."""
    torch.manual_seed(0)
    for name, weight in model.state_dict().items():
        if weight.is_floating_point() and not weight.any():
            weight.copy_(0.1 * torch.randn(weight.shape))
        if name in ("scale", "weight"):  # weights of the logistic regression
            weight.fill_(1.0).mul_(0.01 if name == "weight" else 1.0)
    return model.eval()


def spread_out(model: Detector, faces: list[Pixels]) -> None:
    """Set batch norms to the statistics of the faces, and scale the last layer so that their logits span about 10, as
    in a trained network."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(as_batch(np.stack(faces), torch.device("cpu")))
    model.eval()
    span = np.ptp(logits_of(model, faces, torch.device("cpu")))
    for name, weight in model.named_parameters():
        if name.startswith(("classifier", "linear")) and weight.ndim > 1:
            weight.data.mul_(10 / span)


def faces_of(folder: Path) -> list[Pixels]:
    """Read faces of the sets below a folder, at SIDE pixels."""
    found: list[Pixels] = []
    for one in sets_below(folder):
        for batch in one.batches(["train", "val", "test"], ["image"], 16):
            crops = [Image.fromarray(decode_crop(jpeg)) for jpeg in batch["image"].field("bytes").to_pylist()]
            found += [np.asarray(crop.resize((SIDE, SIDE), Image.Resampling.LANCZOS)) for crop in crops]
            if len(found) >= max(BATCHES):
                return found[: max(BATCHES)]
    return found


def kind_lines(kind: str, faces: list[Pixels]) -> list[str]:
    """Format a line for each variant of a kind: operators, file size, and the largest difference of logits."""
    module = importlib.import_module(f"unseen.detectors.kinds.{kind}")
    lines = []
    for config in KINDS[kind]:
        model = drawn(module.restore(config))
        spread_out(model, faces)
        start = time.process_time()
        title = f"{kind} {config.get('tokens', '')} {config.get('norm', '')}".strip()
        try:
            graph = graph_of(model, SIDE)
        except UserError as error:
            lines.append(f"| {title} | no: {error} |")
            continue
        seconds, content = time.process_time() - start, graph.SerializeToString()
        network = OnnxNetwork(content, model.view.as_dict(), model.config.get("ela"))
        expected = logits_of(model, faces, torch.device("cpu"))
        worst = max(np.abs(network.logits(faces[:size]) - expected[:size]).max() for size in BATCHES)
        size = f"{len(graph.graph.node)} | {len(content) / 1e6:.1f} MB | {seconds:.0f} s"
        lines.append(f"| {title} | yes | {size} | {worst:.1g} of {np.ptp(expected):.2g} |")
    return lines


def kinds(arguments: argparse.Namespace) -> None:
    """Export a network of each kind."""
    faces = faces_of(arguments.faces)
    print("| kind | exports | operators | file | CPU time | largest difference of logits, and their range |")
    print("|---|---|---|---|---|---|")
    for kind in arguments.only or KINDS:
        print("\n".join(kind_lines(kind, faces)), flush=True)


def timed(work: Callable[[], object], repeats: int) -> float:
    """Measure the milliseconds of one call."""
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats * 1e3


def process_s(backend: str, detector: Path, picture: Path) -> tuple[float, float]:
    """Measure wall time and CPU time of `unseen predict PICTURE`, in seconds."""
    command = [sys.executable, "-m", "unseen.cli", "predict", "--backend", backend, "--detector", str(detector)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*command, str(picture)], check=True, capture_output=True, env=dict(os.environ))
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def line(what: str, torch_values: list[float], onnx_values: list[float], unit: str) -> str:
    """Format a line of medians, with the ratio and its range over the pairs of runs."""
    ratios = sorted(a / b for a, b in zip(torch_values, onnx_values, strict=True))
    a, b = statistics.median(torch_values), statistics.median(onnx_values)
    return (
        f"{what}: PyTorch {a:.3g} {unit}, ONNX {b:.3g} {unit}; ratio {statistics.median(ratios):.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def speed(arguments: argparse.Namespace) -> None:
    """Compare the backends."""
    torch.set_num_threads(environment.threads(1))
    keep_memory()
    model, exported = load_detector(arguments.detector).model, open_exported(arguments.export)
    side = exported.card["onnx"]["input"]["shape"][1]
    random = np.random.default_rng(0)
    print(f"{machine()}; {environment.threads(1)} thread(s); medians of {arguments.runs}")
    for batch in (1, 32):
        pixels = list(random.integers(0, 256, (batch, side, side, 3), dtype=np.uint8))
        works = (
            lambda p=pixels: logits_of(model, p, torch.device("cpu")),
            lambda p=pixels: exported.network.logits(p),
        )
        rounds = [[timed(work, 32 // batch) for work in works] for _ in range(arguments.runs + 1)][1:]
        print(line(f"network, batch {batch}", *map(list, zip(*rounds, strict=True)), "ms"))
    runs = []
    for _ in range(arguments.runs + 1):
        both = ("torch", arguments.detector), ("onnx", arguments.export)
        runs.append([process_s(backend, folder, arguments.picture) for backend, folder in both])
    for place, what in enumerate(("unseen predict, one picture", "  its CPU time")):
        print(line(what, [run[0][place] for run in runs[1:]], [run[1][place] for run in runs[1:]], "s"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(required=True)
    of_speed = commands.add_parser("speed")
    for name in ("detector", "export", "picture"):
        of_speed.add_argument(name, type=Path, metavar=name.upper())
    of_speed.add_argument("--runs", type=int, default=7)
    of_speed.set_defaults(run=speed)
    of_kinds = commands.add_parser("kinds")
    of_kinds.add_argument("faces", type=Path, metavar="FACES")
    of_kinds.add_argument("--only", nargs="+", choices=KINDS, metavar="KIND")
    of_kinds.set_defaults(run=kinds)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
