"""The optional packages of this project, and which of them a params file needs. Imports none of them."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unseen.params.check import Params


@dataclass(frozen=True)
class Extra:
    """Packages that pyproject.toml lists under one name.

    Attributes:
        modules: what is imported, one module for each package.
        packages: names for pip.
        use: what it is for.
    """

    modules: tuple[str, ...]
    packages: tuple[str, ...]
    use: str

    def missing(self) -> bool:
        """Whether a module is not installed. Does not import it."""
        return any(importlib.util.find_spec(module) is None for module in self.modules)


EXTRAS = {
    "diffusion": Extra(
        ("accelerate", "diffusers", "transformers"),
        ("accelerate", "diffusers", "transformers"),
        "captions, fakes by diffusion, pretrained autoencoders",
    ),
    "lora": Extra(("peft",), ("peft",), "training of `vit_lora`"),
    "fid": Extra(("torch_fidelity",), ("torch-fidelity",), "FID of GANs"),
    "heic": Extra(("pillow_heif",), ("pillow-heif",), "HEIC pictures"),
    "onnx": Extra(("onnxscript",), ("onnxscript",), "`unseen export`"),
    "page": Extra(
        ("fastapi", "uvicorn", "python_multipart"), ("fastapi", "uvicorn", "python-multipart"), "`unseen serve`"
    ),
    "bulk": Extra(("ray",), ("ray",), "`unseen bulk`"),
    "video": Extra(("av",), ("av",), "videos"),
    "provenance": Extra(("c2pa",), ("c2pa-python",), "signatures of C2PA manifests"),
}
"""Extras for users. `dev` and `docs` are for contributors."""


def pip_command(names: Sequence[str], project: Path) -> str:
    """The command that installs extras.

    Args:
        names: of EXTRAS.
        project: the current folder. Outside of a checkout the packages are named one by one.
    """
    if (project / "pyproject.toml").is_file() and (project / "src/unseen").is_dir():
        return f"pip install -e '.[{','.join(names)}]'"
    return f"pip install {' '.join(package for name in names for package in EXTRAS[name].packages)}"


def needed(params: Params) -> dict[str, str]:
    """The extras that a run of these params needs, with the key of params that needs each."""
    pretrained = [
        f"twins.{name}.autoencoder" for name, item in params.twins.items() if item.autoencoder.startswith("hub/")
    ]
    by: dict[str, list[str]] = {
        "diffusion": [
            *(f"captions.{n}" for n in params.captions),
            *(f"diffuse.{n}" for n in params.diffuse),
            *pretrained,
        ],
        "lora": [f"detectors.{n}.kind" for n, item in params.detectors.items() if item.kind == "vit_lora"],
        "fid": ["quality.inception"] if params.quality and params.quality.inception != "none" else [],
    }
    return {name: keys[0] for name, keys in by.items() if keys}
