"""Whether a stage of two machines, of two processes of one machine, and of one process writes the same outputs.

    PYTHONPATH=src python benchmarks/two_machines.py --folder /tmp/two-machines

Builds a small project (32 px, a few steps, tiny models of random weights) by `dvc repro`, in one process. Then runs
each stage that can use several processes again: in two processes of one `torchrun`, and by two `torchrun` that meet
over loopback. With `--ssh` the script of docs/clusters.md runs in place of these, between two network namespaces with
host names and addresses of their own, and a stand-in for ssh that enters them (needs root). Compares the outputs and
prints a Markdown table. Processes are on the CPU, a thread each. `leave_one_out` trains as `train_detector` does.
"""

import argparse
import itertools
import math
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kills_project
import yaml
from kills_run import lock_of, outputs
from machine import machine
from two_machines_compare import differences

NEURAL = {**kills_project.DETECTOR, "input_size": 32, "steps": 12, "batch": 8, "validate_every": 4}
VIT = {**NEURAL, "kind": "vit_lora", "backbone": "vit_tiny_patch16_224", "weights": "hub/vit", "rank": 2}

PARAMS: dict[str, Any] = {
    "training_seeds": 2,
    "faces": {"side": 32, "detect": {"min_score": 0.03}},
    "quality": {"inception": "none", "samples": 32},
    "gans": {
        "r3gan": {
            "architecture": "r3gan",
            "train_on": "faces/people",
            "channels": 1,
            "width": 8,
            "batch": 16,
            "images": 640,
            "sample_every": 320,
            "ema": 100,
        }
    },
    "fakes": {"r3gan_fakes": {"group": "own", "use": "train", "gan": "r3gan", "count": 60}},
    "captions": kills_project.PARAMS["captions"],
    "diffuse": {
        "sd_fakes": {
            **kills_project.PARAMS["diffuse"]["sd_fakes"],
            "group": "own",
            "use": "train",
            "gram_weights": "hub/vgg19",
        }
    },
    "detectors": {
        "vit_lora": {**VIT, "lora_dropout": 0.0},
        "vit_lora_dropout": VIT,
        "discriminator": {**NEURAL, "kind": "discriminator", "weights": "gans/r3gan", "frozen_steps": 4},
        "dct_logistic": {**kills_project.DETECTOR, "kind": "dct_logistic", "weights": "none"},
    },
    "evaluation_sets": {
        "orl_unseen_people": {"data": "faces/people/orl", "split": "test"},
        "r3gan_fakes": {"data": "fakes/own/r3gan_fakes", "split": "test"},
        "sd_fakes": {"data": "fakes/own/sd_fakes", "split": "test"},
    },
    "evaluation": {
        "resamples": 100,
        "pairs": {
            "r3gan": {"reals": "orl_unseen_people", "fakes": "r3gan_fakes", "matched": True},
            "sd": {"reals": "orl_unseen_people", "fakes": "sd_fakes", "matched": True},
        },
    },
    "robustness": {},
    "speed": {"set": "orl_unseen_people"},
}
"""What differs from experiments/quick.yaml; `hub` is added by `build`."""

STAGES = [
    ("train_gan", "r3gan"),
    ("diffuse", "sd_fakes"),
    *(("train_detector", name) for name in PARAMS["detectors"]),
]


def build(parent: Path) -> Path:
    """Write the project, run its stages in one process, and return its folder."""
    models = parent / "models"
    kills_project.fetch_wheels(parent / "wheels")
    sys.path.append(str(kills_project.ROOT / "tests"))
    import tiny_diffusion
    import tiny_models

    tiny_models.blip(models / "blip")
    tiny_diffusion.stable_diffusion(models / "sd")
    tiny_diffusion.vgg19(models / "vgg19")
    tiny_models.vit(models / "vit")
    params = yaml.safe_load((kills_project.ROOT / "experiments/quick.yaml").read_text(encoding="utf-8"))
    params.update(PARAMS, hub={folder.name: {"folder": str(folder)} for folder in models.iterdir()})
    params["sources"]["orl"]["members"] = kills_project.MEMBERS
    project = kills_project.checkout(parent / "project", yaml.safe_dump(params, sort_keys=False))
    wanted = [item(stage, name) for stage, name in STAGES]
    subprocess.run(["dvc", "repro", "--quiet", *wanted], cwd=project, env=environment(parent), check=True)
    return project


def item(stage: str, name: str) -> str:
    """The name of a stage of dvc.yaml."""
    return f"{stage}@{name}"


def environment(parent: Path) -> dict[str, str]:
    """Variables of all runs: the CPU, one thread, one process."""
    own = {"UNSEEN_DEVICE": "cpu", "UNSEEN_THREADS": "1", "UNSEEN_PROCESSES": "1", "OMP_NUM_THREADS": "1"}
    return kills_project.environment(parent) | own


SSH = """#!/bin/bash
exec ip netns exec "$1" unshare --uts --mount env -i HOME="$HOME" PATH=/usr/bin:/bin {variables} bash -c \\
    'hostname "$0" && mount --bind {hosts} /etc/hosts && exec bash -c "$1"' "$1" "$2"
"""
"""The stand-in for ssh: the machine gets none of the variables of the caller, as by ssh."""


@contextmanager
def namespaces() -> Iterator[None]:
    """Two network namespaces, `machine1` and `machine2`, that are joined by a virtual cable."""
    commands = ["netns add machine1", "netns add machine2"]
    commands += ["link add end1 netns machine1 type veth peer end2 netns machine2"]
    for k in (1, 2):
        commands += [f"-n machine{k} addr add 10.99.0.{k}/24 dev end{k}"]
        commands += [f"-n machine{k} link set {link} up" for link in (f"end{k}", "lo")]
    try:
        for command in commands:
            subprocess.run(["ip", *command.split()], check=True)
        yield
    finally:
        for k in (1, 2):
            subprocess.run(["ip", "netns", "delete", f"machine{k}"], check=False)


def by_ssh(stage: str, name: str, project: Path, env: dict[str, str]) -> None:
    """Run a stage on two machines by the script of docs/clusters.md."""
    text = (kills_project.ROOT / "docs/clusters.md").read_text(encoding="utf-8")
    (script,) = (part for part in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "ssh" in part)
    folder = project.parent / "ssh"
    folder.mkdir(exist_ok=True)
    hosts = "127.0.0.1 localhost\n10.99.0.1 machine1\n10.99.0.2 machine2\n"
    (folder / "hosts").write_text(hosts, encoding="utf-8")
    (folder / "on_machines.sh").write_text(script.replace("(gpu1 gpu2)", "(machine1 machine2)"), encoding="utf-8")
    variables = " ".join(f"{key}={env[key]}" for key in env if key.startswith("UNSEEN_"))
    (folder / "ssh").write_text(SSH.format(variables=variables, hosts=folder / "hosts"), encoding="utf-8")
    (folder / "ssh").chmod(0o755)
    if not (project / ".venv").exists():
        (project / ".venv").symlink_to(sys.prefix)
    env = env | {"PATH": f"{folder}:{env['PATH']}", "GPUS": "1"}
    with namespaces():
        command = ["bash", folder / "on_machines.sh", stage, name]
        subprocess.run(command, cwd=project, env=env, check=True, stdout=subprocess.DEVNULL)


def by_loopback(stage: str, name: str, project: Path, env: dict[str, str]) -> None:
    """Run a stage by two `torchrun` with a process each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    torchrun += ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", f"--rdzv-id={stage}"]
    command = [*torchrun, "--local-addr=127.0.0.1", f"stages/{stage}.py", name]
    pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    agents = [subprocess.Popen(command, cwd=project, env=env, **pipes) for _ in range(2)]
    printed = [agent.communicate()[1] for agent in agents]
    if any(agent.returncode for agent in agents):
        raise SystemExit("\n".join(printed))


def run(how: str, stage: str, name: str, project: Path, env: dict[str, str], ssh: bool) -> None:
    """Run a stage in one of the ways."""
    if how == "two machines":
        (by_ssh if ssh else by_loopback)(stage, name, project, env)
    else:
        command = [sys.executable, f"stages/{stage}.py", name]
        env = env | {"UNSEEN_PROCESSES": "2"}
        subprocess.run(command, cwd=project, env=env, check=True, stdout=subprocess.DEVNULL)


def outputs_of(stage: str, name: str, project: Path, folder: Path) -> Path:
    """Copy the outputs of a stage to a folder."""
    for output in outputs(lock_of(project)[item(stage, name)]):
        source, target = project / output, folder / output
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    return folder


def cells(found: Sequence[tuple[str, float]]) -> str:
    """A cell of the table: the files that are not the same bytes, with the largest relative difference."""
    other = [
        f"`{name}` {'other content' if math.isinf(value) else f'{value:.1g}'}" for name, value in found if value != 0
    ]
    return "; ".join(other) or "same bytes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for the project; a project in it is used again")
    parser.add_argument("--only", action="append", default=[], metavar="STAGE@ITEM", help="may be repeated")
    parser.add_argument("--ssh", action="store_true", help="two machines by the script of docs/clusters.md")
    args = parser.parse_args()
    folder = args.folder.resolve()
    project = folder / "project" if (folder / "project/dvc.lock").is_file() else build(folder)
    env = environment(folder)
    lock = (project / "dvc.lock").read_bytes()
    print(machine(), "", sep="\n")
    print("| stage | two processes against one | two machines against one | two machines against two processes |")
    print("|---|---|---|---|")
    for stage, name in STAGES:
        if args.only and item(stage, name) not in args.only:
            continue
        kept = folder / "outputs" / item(stage, name)
        shutil.rmtree(kept, ignore_errors=True)
        made = {"one process": outputs_of(stage, name, project, kept / "one process")}
        for how in ("two processes", "two machines"):
            run(how, stage, name, project, env, args.ssh)
            made[how] = outputs_of(stage, name, project, kept / how)
        pairs = list(itertools.combinations(made.values(), 2))
        print(f"| `{stage} {name}` | {' | '.join(cells(differences(*pair)) for pair in pairs)} |", flush=True)
        shutil.copytree(kept / "one process", project, dirs_exist_ok=True)
        (project / "dvc.lock").write_bytes(lock)  # the script of the docs commits what it made


if __name__ == "__main__":
    main()
