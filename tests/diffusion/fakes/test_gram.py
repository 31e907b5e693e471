"""Gram distances against an example by hand and against numpy, and VGG-19's weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import tiny_diffusion
from unseen.core.errors import UserError
from unseen.diffusion.fakes.gram import (
    CONVOLUTIONS,
    LAYERS,
    gram_distances,
    gram_matrices,
    layer_distances,
    load_vgg19,
)


def test_an_example_by_hand() -> None:
    """Two feature maps of 2 x 2: F = [[1, 0, 2, 1], [0, 1, 1, 0]], so F F^T = [[6, 2], [2, 2]]."""
    first = torch.tensor([[[[1.0, 0.0], [2.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]])
    assert gram_matrices(first)[0].tolist() == [[6 / 4, 2 / 4], [2 / 4, 2 / 4]]
    # F = [[1, 1, 1, 1], [0, 0, 0, 2]], so F F^T = [[4, 2], [2, 4]]; differences 2, 0, 0, 2, over 4 positions.
    second = torch.tensor([[[[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 2.0]]]])
    assert layer_distances(first, second).tolist() == [(2 / 4 + 0 + 0 + 2 / 4) / 4]
    assert layer_distances(first, first).tolist() == [0.0]


def test_against_einsum() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(3, 5, 4, 6)), random.normal(size=(3, 5, 4, 6))
    grams = [np.einsum("ncij,ndij->ncd", maps, maps) / 24 for maps in (first, second)]
    expected = np.abs(grams[0] - grams[1]).sum((1, 2)) / 25
    found = layer_distances(torch.from_numpy(first), torch.from_numpy(second))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


class Colours(nn.Module):
    """Two layers: the picture, and the picture without its green."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        return [pictures, pictures[:, ::2]]


def test_the_mean_over_layers() -> None:
    """Red and blue pictures: red's Gram matrix is 1 at (red, red), blue's at (blue, blue)."""
    red, blue = torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    red[:, 0], blue[:, 2] = 255, 255
    assert gram_distances(red, blue, Colours(), 4).tolist() == [pytest.approx((2 / 9 + 2 / 4) / 2)]
    assert gram_distances(red, red, Colours(), 4).tolist() == [0.0]


def test_a_distance_does_not_depend_on_the_others(tmp_path: Path) -> None:
    tiny_diffusion.vgg19(tmp_path)
    network = load_vgg19(tmp_path)
    real, made = torch.randint(256, (2, 5, 3, 40, 40), dtype=torch.uint8)
    together = gram_distances(real, made, network, 32)
    assert (together > 0).all()
    assert [
        gram_distances(real[i : i + 1], made[i : i + 1], network, 32).item() for i in range(5)
    ] == together.tolist()


def test_the_network_is_torchvisions(tmp_path: Path) -> None:
    """The same feature maps as torchvision's VGG-19 after the ReLUs of conv1_1 to conv5_1."""
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    widths = [width if width == "M" else width // 8 for width in torchvision.models.vgg.cfgs["E"]]
    other = nn.ModuleDict({"features": torchvision.models.vgg.make_layers(widths)}).eval()
    save_file(
        {key: value for key, value in other.state_dict().items() if "features" in key}, tmp_path / "v.safetensors"
    )
    network = load_vgg19(tmp_path)
    picture = torch.rand(1, 3, 32, 32)
    maps, expected = (picture - network.mean) / network.std, []
    with torch.no_grad():
        for place, layer in enumerate(other["features"]):
            maps = layer(maps.clone())
            if place - 1 in LAYERS:
                expected.append(maps.clone())
        found = network(picture)
    assert [one.shape[1] for one in found] == [8, 16, 32, 64, 64]
    assert all(torch.equal(one, two) for one, two in zip(found, expected, strict=True))


def test_other_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"expected one .safetensors file with VGG-19's weights; add `vgg19: {repo: timm"
    ):
        load_vgg19(tmp_path)
    tiny_diffusion.vgg19(tmp_path)
    file = tmp_path / "model.safetensors"
    state = load_file(file)
    vgg16 = {key: value for key, value in state.items() if not key.startswith("features.16.")}
    save_file(vgg16, file)
    with pytest.raises(UserError, match=r"not the weights of VGG-19 \('features.16.weight'\); add"):
        load_vgg19(tmp_path)
    save_file({**state, "features.2.weight": torch.zeros(4, 5, 3, 3)}, file)
    with pytest.raises(UserError, match=r"not the weights of VGG-19 \(features.2.weight is \(4, 5, 3, 3\)\)"):
        load_vgg19(tmp_path)
    file.write_bytes(b"half")
    with pytest.raises(UserError, match="not the weights of VGG-19"):
        load_vgg19(tmp_path)
    assert len(CONVOLUTIONS) == 13
