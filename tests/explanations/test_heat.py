"""Heat is where a network looks, the right way up, and of the side that was decided for."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unseen.detectors.kinds.dct_logistic import DctLogistic
from unseen.detectors.kinds.patch import Patches
from unseen.detectors.shared.backbone import Backboned
from unseen.detectors.shared.base import Detector
from unseen.explanations.heat import Heat, heat, method_of

CPU = torch.device("cpu")
SIZE = 32
FAKE, REAL = np.ones(1, bool), np.zeros(1, bool)


class Corner(Detector):
    """A map of brightness, 8 x 8, of which the top right quarter alone counts, for fake."""

    def __init__(self, sign: float = 1.0) -> None:
        super().__init__()
        self.config = {}
        self.pool = nn.Conv2d(3, 1, 4, stride=4, bias=False)
        nn.init.constant_(self.pool.weight, 1 / 48 / 255)
        weight = torch.zeros(8, 8)
        weight[:4, 4:] = sign
        self.register_buffer("weight", weight)

    def forward(self, pixels: Tensor) -> Tensor:
        return (self.pool(pixels.float()) * self.weight).sum((1, 2, 3))


class Unmapped(Detector):
    """The same of pixels, without a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.config = {}

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.float()[:, :, :16, 16:].mean((1, 2, 3))


def grey(level: int = 100) -> np.ndarray:
    return np.full((1, SIZE, SIZE, 3), level, np.uint8)


def spot() -> np.ndarray:
    """Dark, with a light square near the lower left."""
    pixels = grey(20)
    pixels[:, 22:30, 2:10] = 250
    return pixels


def asked(model: Detector, pixels: np.ndarray, fake: np.ndarray = FAKE) -> Heat:
    return heat(model.eval(), pixels, fake, CPU)


def test_slopes_are_hot_in_the_corner_that_counts_and_only_there() -> None:
    model = Corner()
    assert method_of(model, grey(), CPU) == "grad_cam"
    found = asked(model, grey())
    assert (found.shape, found.dtype) == ((1, SIZE, SIZE), np.float32)
    assert (found[0, :14, 18:] > 0.999).all()
    assert (found[0, 18:] == 0).all()
    assert (found[0, :, :14] == 0).all()


def test_heat_is_of_the_side_that_was_decided_for() -> None:
    assert asked(Corner(), grey(), REAL).max() == 0  # nothing in it speaks for real
    assert asked(Corner(-1), grey(), FAKE).max() == 0
    both = heat(Corner(-1).eval(), np.concatenate([grey(), grey()]), np.array([True, False]), CPU)
    assert both[0].max() == 0
    assert (both[1, :14, 18:] > 0.999).all()


def test_occlusion_is_hot_in_the_corner_that_counts_and_only_there() -> None:
    pixels = grey(0)
    pixels[:, 4:12, 20:28] = 240  # the mean colour is darker: to cover it lowers the logit
    assert method_of(Unmapped(), pixels, CPU) == "occlusion"
    found = asked(Unmapped(), pixels)
    assert np.unravel_index(found[0].argmax(), (SIZE, SIZE)) in [(y, x) for y in range(4, 12) for x in range(20, 28)]
    assert found[0, 16:].max() == found[0, :, :16].max() == 0
    assert asked(Unmapped(), pixels, REAL)[0, 4:12, 20:28].max() == 0


def test_what_has_no_map_is_asked_by_occlusion() -> None:
    model = DctLogistic(SIZE)
    model.scale.fill_(1)
    model.weight[(SIZE - 1) * SIZE] = 1.0  # rows by turns light and dark speak for fake
    pixels = grey()
    pixels[0, ::2, :8] = 200
    assert method_of(model, pixels, CPU) == "occlusion"
    found = asked(model, pixels)[0]
    assert found[:, :8].mean() > 3 * found[:, 16:].mean()


def test_a_network_of_networks_is_not_asked_by_the_map_of_one() -> None:
    class Two(Detector):
        def __init__(self) -> None:
            super().__init__()
            self.config, self.members = {}, nn.ModuleList([Corner(), Corner(-1)])

        def forward(self, pixels: Tensor) -> Tensor:
            return self.members[0](pixels) + self.members[1](pixels)

    assert method_of(Two().eval(), grey(), CPU) == "occlusion"


def test_a_detector_that_has_a_heatmap_is_asked_for_it() -> None:
    torch.manual_seed(0)
    model = Patches(stage=1, backbone="resnet10t", input_size=SIZE).eval()
    nn.init.normal_(model.classifier[-1].weight)
    pixels = spot()
    assert method_of(model, pixels, CPU) == "own"
    with torch.no_grad():
        raw = model.heatmap(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    for fake in (FAKE, REAL):
        signed = raw[0] if fake[0] else -raw[0]
        found = asked(model, pixels, fake)[0]
        assert found.max() == pytest.approx(float(signed.max() > 0))
        if signed.max() > 0:
            y, x = np.array(np.unravel_index(found.argmax(), found.shape)) * raw.shape[-1] // SIZE
            assert signed[y, x] == signed.max()


class Vit(Backboned):
    """A small ViT that says fake of light places: the mean of its patches' brightness."""

    def __init__(self) -> None:
        small: dict[str, Any] = {"img_size": SIZE, "patch_size": 4, "embed_dim": 32, "depth": 2, "num_heads": 2}
        super().__init__("vit_tiny_patch16_224", SIZE, **small)


def test_tokens_of_a_vit_come_out_the_right_way_up() -> None:
    torch.manual_seed(1)
    model = Vit().eval()
    network: Any = model.network
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.patch_embed.proj.weight[0] = 1 / 48  # the first feature is a patch's brightness
        network.patch_embed.proj.weight[1] = -1 / 48  # a norm takes the mean away
        for block in network.blocks:
            block.norm1.weight.fill_(1.0)
            block.norm2.weight.fill_(1.0)
        network.norm.weight.fill_(1.0)
        last = network.blocks[-1].attn  # the class token takes the mean of all tokens
        last.qkv.weight[64:96] = torch.eye(32)
        last.proj.weight.copy_(torch.eye(32))
        model.classifier[-1].weight[0, 0] = 1.0
    assert method_of(model, spot(), CPU) == "grad_cam"
    found = asked(model, spot())[0]
    y, x = np.unravel_index(found.argmax(), found.shape)
    assert 20 <= y < 32
    assert 0 <= x < 12
    assert found[:16].max() < 0.5 * found[24:28, 4:8].min()


@pytest.mark.parametrize("name", ["resnet10t", "convnext_atto", "tf_efficientnet_lite0"])
def test_convolutional_networks_of_timm_are_asked_at_a_map(name: str) -> None:
    model = Backboned(name, 64).eval()
    torch.manual_seed(0)
    nn.init.normal_(model.classifier[-1].weight)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    assert method_of(model, pixels, CPU) == "grad_cam"
    first, second = (heat(model, pixels, np.array([True, False]), CPU) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.min() >= 0
    assert first.max() == 1


def test_a_network_with_channels_last_is_asked_by_occlusion() -> None:
    model = Backboned("swin_tiny_patch4_window7_224", 56, img_size=56, embed_dim=24, depths=(1, 1, 1, 1)).eval()
    assert method_of(model, np.zeros((1, 56, 56, 3), np.uint8), CPU) == "occlusion"
