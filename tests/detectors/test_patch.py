"""Patches: how far one sees, by gradient; the map and its mean; that each patch is trained for itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor
from torch.nn import functional

from unseen.core.errors import UserError
from unseen.data.pictures import Faces
from unseen.detectors.kinds import patch
from unseen.detectors.kinds.patch import Patches
from unseen.detectors.shared.logits import as_batch, logits_of

from .learning import check_learns_and_repeats_itself
from .networks import knobs

CPU = torch.device("cpu")
NONE = Path("models/none")
Both = tuple[Faces, Faces]


def settings(**changed: Any) -> patch.Settings:
    own = {"kind": "patch", "weights": "none", "backbone": "test_resnet", "stage": 1, "input_size": 64, **changed}
    return patch.Settings.model_validate({**knobs().model_dump(), **own})


def made(weights: Path = NONE, **changed: Any) -> Patches:
    torch.manual_seed(0)
    model = patch.create(settings(**changed), weights, 64)
    assert isinstance(model, Patches)
    return model


def with_a_head(model: Patches) -> Patches:
    torch.nn.init.normal_(model.classifier[-1].weight)  # type: ignore[arg-type]
    return model.eval()


def seen_by(model: Patches, place: int, size: int) -> tuple[int, int]:
    """First and last row of the pixels that a patch on the diagonal depends on, over pictures with other maxima."""
    rows: set[int] = set()
    for seed in range(4):
        x = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        (slope,) = torch.autograd.grad(model.maps(x)[0, :, place, place].sum(), x)
        rows |= set(slope[0].abs().amax((0, 2)).nonzero().flatten().tolist())
    return min(rows), max(rows)


# by hand: a convolution of k adds (k - 1) x the stride before it
@pytest.mark.parametrize(
    ("backbone", "stage", "sees", "stride"),
    [
        ("resnet18", 0, 7, 2),  # 7 x 7
        ("resnet18", 1, 7 + 2 * 2 + 4 * 2 * 4, 4),  # pooling of 3, and four of 3 x 3 at stride 4
        ("legacy_xception", 1, 3 + 2 * 2 + 2 * 2 * 2 + 2 * 2, 4),  # two, two separable ones and pooling of 3
    ],
)
def test_a_patch_sees_what_can_be_worked_out_by_hand(backbone: str, stage: int, sees: int, stride: int) -> None:
    model = made(backbone=backbone, stage=stage, input_size=96).eval()
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(norm.weight)  # timm starts residual branches at zero, which would hide them
    place = 96 // stride // 2
    first, last = seen_by(model, place, 96)
    assert last - first + 1 == sees
    one_on, _ = seen_by(model, place + 1, 96)
    assert one_on - first == stride


def test_a_change_outside_a_patch_does_not_reach_it(faces: Both) -> None:
    model = with_a_head(made(backbone="resnet18", stage=0, input_size=32))
    pixels = as_batch(faces[0].pixels[:1], CPU)
    changed = pixels.clone()
    changed[..., :8, :8] = 255 - changed[..., :8, :8]
    with torch.no_grad():
        differs = (model.heatmap(pixels) != model.heatmap(changed))[0]
    # a patch at i sees the pixels 2i - 3 to 2i + 3
    assert differs[:6, :6].all()
    assert not differs[6:].any()
    assert not differs[:, 6:].any()


def test_the_mean_of_the_heatmap_is_the_logit(faces: Both) -> None:
    model = with_a_head(made())
    pixels = as_batch(faces[1].pixels[:5], CPU)
    with torch.no_grad():
        heat = model.heatmap(pixels)
        assert heat.shape == (5, 16, 16)
        assert heat.std() > 0
        torch.testing.assert_close(model(pixels), heat.mean((1, 2)))


def test_the_heatmap_lies_as_the_picture_does() -> None:
    model = with_a_head(made())
    pixels = torch.full((1, 3, 64, 64), 100, dtype=torch.uint8)
    marked = pixels.clone()
    marked[..., 8:12, 48:52] = 255
    with torch.no_grad():
        moved = (model.heatmap(marked) - model.heatmap(pixels))[0].abs()
    top, left = divmod(int(moved.argmax()), 16)
    assert abs(top - 2) <= 1
    assert abs(left - 12) <= 1


def test_each_patch_has_a_loss_of_its_own(faces: Both) -> None:
    model = with_a_head(made())
    pixels, labels = as_batch(faces[1].pixels[[0, -1]], CPU), torch.tensor([0.0, 1.0])
    heat = model.heatmap(pixels)
    expected = (functional.softplus(heat[0]).mean() + functional.softplus(-heat[1]).mean()) / 2
    loss = model.loss(pixels, labels, np.asarray([0, 1]), None)  # type: ignore[arg-type]
    torch.testing.assert_close(loss, expected)
    of_means = functional.binary_cross_entropy_with_logits(model(pixels), labels)
    assert loss > of_means, "the log loss is convex"


@pytest.mark.parametrize("backbone", ["test_resnet", "tf_efficientnet_lite0", "legacy_xception"])
def test_it_is_the_first_part_of_timms_network_with_its_weights(backbone: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    whole = timm.create_model(backbone).eval()
    torch.save(whole.state_dict(), tmp_path / "net.pth")
    model = made(tmp_path, backbone=backbone, input_size=96).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = whole.forward_intermediates(x, indices=[1], intermediates_only=True, norm=False)[0]
        torch.testing.assert_close(model.maps(x), expected)
    kept = sum(weight.numel() for weight in model.network.parameters())
    assert kept < 0.5 * sum(weight.numel() for weight in whole.parameters())


def test_resnet18_after_its_first_stage_has_as_many_weights() -> None:
    model = made(backbone="resnet18", stage=1)
    count = sum(weight.numel() for weight in model.parameters())
    assert count == 9408 + 128 + 4 * (36864 + 128) + 64 + 1


def test_it_learns_and_repeats_itself(tmp_path: Path) -> None:
    check_learns_and_repeats_itself(made, settings, tmp_path, steps=12, learning_rate=0.01)


def test_it_comes_back(faces: Both) -> None:
    model = with_a_head(made(dropout=0.3))
    again = patch.restore(model.config)
    again.load_state_dict(model.state_dict())
    pixels = faces[1].pixels[:5]
    assert np.array_equal(logits_of(again, pixels, CPU), logits_of(model, pixels, CPU))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"backbone": "test_vit"}, "sees the whole picture of 64 px"),  # attention
        ({"backbone": "mobilenetv3_small_050", "stage": 1}, "sees the whole picture"),  # squeeze-and-excitation
        ({"backbone": "resnet18", "stage": 4}, "sees the whole picture"),
        ({"backbone": "test_convnext", "stage": 4}, "stages 0 to 3"),
        ({"backbone": "resnet81"}, "did you mean"),
    ],
)
def test_what_sees_no_patches_is_one_line(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        made(**changed)
    assert "\n" not in str(error.value)


def test_gradients_reach_every_weight_that_is_kept(faces: Both) -> None:
    model = with_a_head(made()).train()
    pixels, labels = as_batch(faces[0].pixels[[0, -1]], CPU), torch.tensor([0.0, 1.0])
    model.loss(pixels, labels, np.asarray([0, 1]), None).backward()  # type: ignore[arg-type, no-untyped-call]
    idle: list[Tensor] = [weight for weight in model.parameters() if weight.grad is None]
    assert not idle, "nothing behind the cut is saved or counted"
