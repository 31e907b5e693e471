"""Measure all GPU figures in one run: speed relative to minimal loops, memory, and mixed against full precision.

    PYTHONPATH=src python benchmarks/gpu.py --out gpu                 # about 8 minutes on a large card
    PYTHONPATH=src python benchmarks/gpu.py --out gpu --small         # for a card with 8 GB
    PYTHONPATH=src python benchmarks/gpu.py --out gpu --tiny          # on a CPU: test that every part runs

Needs a checkout, torch, timm and peft; the parts `diffuse` and `twins` also need diffusers and transformers. All
networks have random weights, and all pictures are synthetic. Each part runs in a separate process with a time
limit, so that a part that fails or takes too long affects only its own row. Writes OUT/gpu.json
and OUT/gpu.md after every part.

| part | measured | against |
|---|---|---|
| `gan_...` | images/s of the training loop | PyTorch's DCGAN example loop (`plain`); the bare step (`bare`) |
| `detector_...` | images/s of training and scoring | the bare network on a batch on the device |
| `diffuse` | pictures/s of `Painter.paint` | the pipeline called alone |
| `twins` | pictures/s of `reconstruct` | encode and decode alone |
| `precision` | losses of R3GAN with its penalties in bfloat16 | the same in float32 |
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from gpu_parts import Row, parts
from machine import machine


def _table(rows: dict[str, Row]) -> str:
    lines = ["| part | result |", "|---|---|"]
    for name, row in rows.items():
        lines.append(f"| `{name}` | " + "; ".join(f"{key} {value}" for key, value in row.items()) + " |")
    return "\n".join(lines)


def _measured(name: str, level: str, limit: float) -> Row:
    """Run one part in a separate process."""
    command = [
        sys.executable,
        __file__,
        "--part",
        name,
        "--out",
        os.devnull,
        *([] if level == "full" else [f"--{level}"]),
    ]
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=limit)
    except subprocess.TimeoutExpired:
        return {"failed": f"took longer than {limit:.0f} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1][:300]}
    row: Row = json.loads(done.stdout.strip().splitlines()[-1])
    return {**row, "seconds": round(time.perf_counter() - start, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for gpu.json and gpu.md")
    parser.add_argument("--part", help="run this part in this process and print its row as JSON")
    parser.add_argument("--only", nargs="+", help="run only these parts")
    parser.add_argument("--limit", type=float, default=120.0, help="time limit for one part; default: %(default)s")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--small", action="store_const", const="small", dest="level", default="full")
    size.add_argument("--tiny", action="store_const", const="tiny", dest="level")
    options = parser.parse_args()
    if options.part:
        print(json.dumps(parts(options.level)[options.part]()))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, Row] = {}
    for name in options.only or parts(options.level):
        rows[name] = _measured(name, options.level, options.limit)
        print(f"{name}: {rows[name]}", flush=True)
        text = f"{machine()}; {options.level}\n\n{_table(rows)}\n"
        found = json.dumps({"machine": machine(), "level": options.level, "parts": rows}, indent=2)
        for file, content in (("gpu.md", text), ("gpu.json", found + "\n")):
            (options.out / file).write_text(content, encoding="utf-8")
    if failed := [name for name, row in rows.items() if "failed" in row]:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
