"""A vision transformer with low-rank adapters; random weights stand in for the pretrained ones."""

import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from pydantic import ValidationError
from torch.nn import functional

from stops import Interruption, stop_after
from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.core.scratch import Scratch
from unseen.data.pictures import Faces
from unseen.detectors.kinds import vit_lora
from unseen.detectors.kinds.vit_lora import VitLora
from unseen.detectors.shared import loop
from unseen.detectors.shared.artifact import load_detector, save_detector
from unseen.detectors.shared.base import Task
from unseen.detectors.shared.contrastive import contrastive_loss
from unseen.detectors.shared.single_center import single_center_loss
from unseen.faces.settings import FaceSettings

from .learning import BROKEN, LEARNED, PLAIN, last_row
from .networks import copied, same
from .networks import knobs as network_knobs

TINY = "vit_tiny_patch16_224"
WIDTH, DEPTH = 192, 12
SINGLE_CENTER = {"weight": 0.5, "margin": 0.3}
CALIBRATION = Calibration(1.5, 0.7, (0.3, 0.8), 0.05, {})
Both = tuple[Faces, Faces]


def knobs(**changed: Any) -> vit_lora.Settings:
    values = network_knobs(weights="assets/vit").model_dump(exclude={"kind"})
    values |= {"kind": "vit_lora", "backbone": TINY, "rank": 4, "alpha": 8, "lora_dropout": 0.1}
    return vit_lora.Settings.model_validate(values | {"frozen_steps": 0, "steps": 4, "batch": 4} | changed)


def task(faces: Both, scratch: Path, **changed: Any) -> Task:
    return Task(knobs(**changed), *faces, 4, Scratch(scratch, "detector", 1))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pretrained ViT as its file has it: with a classifier, and with places for 224 px."""
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        safetensors.torch.save_file(timm.create_model(TINY).state_dict(), folder / "vit.safetensors")
    return folder


def created(weights: Path, **changed: Any) -> VitLora:
    model = vit_lora.create(knobs(**changed), weights, 32)
    assert isinstance(model, VitLora)
    return model


def pixels_of(faces: Both, count: int = 6) -> torch.Tensor:
    return loop.as_batch(faces[1].pixels[:count], torch.device("cpu"))


def test_single_center_loss_by_hand() -> None:
    """Distances to the center: reals 5 and 1, so 3; fakes 2 and 10, so 6."""
    features = torch.tensor([[4.0, 4.0], [1.0, 1.0], [1.0, 2.0], [7.0, 8.0]])
    labels, center = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([1.0, 0.0])
    assert single_center_loss(features, labels, center, 0.0) == pytest.approx(3), "fakes are far enough away"
    assert single_center_loss(features, labels, center, 5 / 2**0.5) == pytest.approx(3 + 3 - 6 + 5)
    assert single_center_loss(features, 1 - labels, center, 0.0) == pytest.approx(6 + 6 - 3)


def test_single_center_loss_draws_the_center_to_the_reals() -> None:
    features = torch.tensor([[4.0, 0.0], [6.0, 0.0], [0.0, 0.0], [0.0, 9.0]])
    labels, center = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([center], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        single_center_loss(features, labels, center, 0.3).backward()
        optimizer.step()
    assert 4 <= center[0] <= 6
    assert abs(float(center[1].detach())) < 0.2


def test_the_studys_network_has_589824_adapter_weights() -> None:
    settings = knobs(backbone="vit_base_patch16_224", rank=16, alpha=32)
    with torch.device("meta"):
        model = VitLora(backbone=settings.backbone, input_size=224, dynamic_img_size=True)
        plain = sum(weight.numel() for weight in model.network.parameters())
        model.attach(settings)
    adapters = [weight for name, weight in model.named_parameters() if "lora_" in name]
    assert sum(weight.numel() for weight in adapters) == 589_824 == 12 * 16 * (768 + 3 * 768)
    assert sum(weight.numel() for weight in model.trainable()) == 589_824 + 768 + 1
    imagenet_head = 768 * 1000 + 1000
    assert round((plain + 589_824 + imagenet_head) / 1e6, 1) == 87.2


def test_its_defaults_are_the_studys() -> None:
    values = network_knobs(weights="hub/vit").model_dump(exclude={"kind"})
    settings = vit_lora.Settings.model_validate(values | {"kind": "vit_lora"})
    found = (settings.backbone, settings.rank, settings.alpha, settings.lora_dropout, settings.single_center)
    assert found == ("vit_base_patch16_224", 16, 32, 0.1, None)


def test_adapters_change_nothing_until_they_are_trained(weights: Path, faces: Both) -> None:
    model = created(weights).eval()
    with torch.no_grad():
        before = model.features(pixels_of(faces))
        model.attach(knobs())
        torch.testing.assert_close(model.eval().features(pixels_of(faces)), before)


@pytest.mark.parametrize("single_center", [None, SINGLE_CENTER])
def test_nothing_but_the_adapted_layers_and_the_head_is_changed(
    weights: Path, faces: Both, tmp_path: Path, single_center: dict[str, float] | None
) -> None:
    model = created(weights, single_center=single_center)
    before = copied(model)
    vit_lora.fit(model, task(faces, tmp_path, single_center=single_center))
    after = copied(model)
    assert set(after) == set(before), "merged, and without a center"
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    adapted = {f"network.blocks.{number}.attn.qkv.weight" for number in range(DEPTH)}
    assert moved == adapted | {"classifier.1.weight", "classifier.1.bias"}
    for name in adapted:
        assert torch.linalg.matrix_rank(after[name] - before[name], rtol=1e-3) <= 4


def test_the_loss_is_log_loss_and_single_center_loss(weights: Path, faces: Both, tmp_path: Path) -> None:
    with_center = task(faces, tmp_path, single_center={"weight": 2.0, "margin": 0.3}, lora_dropout=0.0)
    model = created(weights)
    assert isinstance(with_center.settings, vit_lora.Settings)
    model.attach(with_center.settings)
    assert model.center is not None
    torch.nn.init.ones_(model.center)
    pixels, labels = pixels_of(faces), torch.tensor([0.0, 1.0] * 3)
    features, rows = model.features(pixels), torch.arange(6).numpy()
    log_loss = functional.binary_cross_entropy_with_logits(model(pixels), labels)
    center_loss = single_center_loss(features, labels, torch.ones(WIDTH), 0.3)
    torch.testing.assert_close(model.loss(pixels, labels, rows, with_center), log_loss + 2 * center_loss)
    without = task(faces, tmp_path, lora_dropout=0.0)
    torch.testing.assert_close(model.loss(pixels, labels, rows, without), log_loss)


@pytest.mark.parametrize("single_center", [None, {"weight": 0.1, "margin": 0.3}])
def test_it_learns(weights: Path, tmp_path: Path, single_center: dict[str, float] | None) -> None:
    some = PLAIN | {"steps": 12, "learning_rate": 0.003, "single_center": single_center}

    def learned(**changed: float) -> float:
        own = knobs(**some | changed)
        return last_row(vit_lora.fit, vit_lora.create(own, weights, 32), own, tmp_path)["val_loss"]

    assert learned() < LEARNED
    assert learned(learning_rate=BROKEN) > LEARNED


def test_going_on_ends_with_the_same_bytes(
    weights: Path, faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSEEN_CHECKPOINT_SECONDS", "0")
    whole, cut, again = (created(weights) for _ in range(3))
    history = vit_lora.fit(whole, task(faces, tmp_path / "whole", single_center=SINGLE_CENTER))
    with monkeypatch.context() as patch:
        stop_after(2, loop, patch)
        with pytest.raises(Interruption):
            vit_lora.fit(cut, task(faces, tmp_path / "cut", single_center=SINGLE_CENTER))
    torch.manual_seed(99)
    assert vit_lora.fit(again, task(faces, tmp_path / "cut", single_center=SINGLE_CENTER)) == history
    assert same(copied(again), copied(whole))
    assert again.parts() == whole.parts()


def test_the_adapter_alone_on_the_pretrained_network_gives_the_same_logits(
    weights: Path, faces: Both, tmp_path: Path, face_settings: FaceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft import PeftModel

    model, folder = created(weights), tmp_path / "lora"
    vit_lora.fit(model, task(faces, tmp_path, learning_rate=0.03))
    save_detector(folder, model, "vit_lora", CALIBRATION, b"", {"name": "l", "faces": face_settings.model_dump()})
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "peft", None)  # an import of it fails
        detector = load_detector(folder).model
    with torch.no_grad():
        logits = detector(pixels_of(faces))
    assert logits.std() > 1e-3

    adapter = folder / "parts" / "adapter_model.safetensors"
    assert sum(value.numel() for value in safetensors.torch.load_file(adapter).values()) == (
        DEPTH * 4 * (WIDTH + 3 * WIDTH) + WIDTH + 1
    )
    network = timm.create_model(TINY, num_classes=1, dynamic_img_size=True)
    pretrained = safetensors.torch.load_file(weights / "vit.safetensors")
    network.load_state_dict({**pretrained, **network.head.state_dict(prefix="head.")})
    adapted = PeftModel.from_pretrained(network, adapter.parent).eval()
    with torch.no_grad():
        found = adapted(pixels_of(faces).float() / 127.5 - 1).flatten()
    torch.testing.assert_close(found, logits, atol=1e-5, rtol=0)


ALL = ["qkv", "proj", "fc1", "fc2"]
IMAGENET, HALF = (0.485, 0.456, 0.406), (0.5, 0.5, 0.5)
CLIP = (0.48145466, 0.4578275, 0.40821073)
FAMILIES: dict[str, tuple[tuple[float, ...], int, int, int]] = {
    "vit_small_patch14_dinov2.lvd142m": (IMAGENET, 518, 14, 12),
    "vit_base_patch14_reg4_dinov2.lvd142m": (IMAGENET, 518, 14, 12),
    "vit_small_patch16_dinov3.lvd1689m": (IMAGENET, 256, 16, 12),
    "vit_small_patch16_dinov3_qkvb.lvd1689m": (IMAGENET, 256, 16, 12),
    "vit_small_plus_patch16_dinov3.lvd1689m": (IMAGENET, 256, 16, 12),  # with gated MLPs
    "vit_pe_core_tiny_patch16_384.fb": (HALF, 384, 16, 12),
    "vit_base_patch16_clip_quickgelu_224.openai": (CLIP, 224, 16, 12),
    "vit_base_patch16_siglip_224.v2_webli": (HALF, 224, 16, 12),
    "vit_small_patch16_384.augreg_in21k_ft_in1k": (HALF, 384, 16, 12),
}
"""Mean, native side, patch and blocks, from the papers and model cards and not from timm."""


@pytest.mark.parametrize("backbone", FAMILIES)
def test_each_family_has_all_targets_in_each_block_and_nowhere_else(backbone: str) -> None:
    _, native, patch, blocks = FAMILIES[backbone]
    vit_lora._check(backbone, 16 * patch, ALL)
    with torch.device("meta"):
        model = VitLora(backbone=backbone, input_size=16 * patch, dynamic_img_size=True)
        model.attach(knobs(backbone=backbone, input_size=16 * patch, targets=ALL))
    found = {name.split(".lora_A")[0] for name, _ in model.network.named_modules() if name.endswith(".lora_A")}
    assert all(name.startswith("base_model.model.blocks.") for name in found), "no pooling and no patch embedding"
    gated = "_plus_" in backbone
    assert len(found) == blocks * (5 if gated else 4)
    assert model.network.pretrained_cfg["input_size"][-1] == native


@pytest.mark.parametrize("backbone", FAMILIES)
def test_each_family_is_normalised_as_its_weights_were_trained_and_every_adapter_learns(
    backbone: str, faces: Both, tmp_path: Path
) -> None:
    """Two narrow blocks of each architecture. timm's EvaAttention with a bias would bypass an adapter of `qkv`."""
    mean, _, patch, _ = FAMILIES[backbone]
    small = {"embed_dim": 48, "depth": 2, "num_heads": 3}
    own = task(
        faces, tmp_path, backbone=backbone, input_size=4 * patch, targets=ALL, lora_dropout=0.0, contrastive={}
    )
    torch.manual_seed(0)
    model = VitLora(backbone=backbone, input_size=4 * patch, dynamic_img_size=True, **small)
    assert (model.mean.flatten() / 255).tolist() == pytest.approx(mean)
    for name, weight in model.named_parameters():
        if "gamma" in name:  # layer scales, which begin at 1e-5
            torch.nn.init.ones_(weight)
    with torch.no_grad():
        before = model.eval().features(pixels_of(faces))
        model.attach(own.settings)  # type: ignore[arg-type]
        torch.testing.assert_close(model.eval().features(pixels_of(faces)), before, rtol=1e-4, atol=1e-5)
    torch.nn.init.normal_(model.classifier[-1].weight)  # type: ignore[arg-type]
    model.loss(pixels_of(faces), torch.tensor([0.0, 1.0] * 3), torch.arange(6).numpy(), own).backward()
    silent = [name for name, weight in model.named_parameters() if "lora_B" in name and not weight.grad.any()]  # type: ignore[union-attr]
    assert not silent
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.1)
        adapted = model.eval().features(pixels_of(faces))
        model.merge(own.settings)  # type: ignore[arg-type]
        merged = VitLora(backbone=backbone, input_size=4 * patch, dynamic_img_size=True, **small)
        merged.load_state_dict(model.state_dict())
        away = merged.eval().features(pixels_of(faces)) - adapted
    assert float((adapted - before).norm()) > 0.01 * float(before.norm())
    assert float(away.norm()) < 0.02 * float((adapted - before).norm())


def test_all_targets_are_trained_and_nothing_else(weights: Path, faces: Both, tmp_path: Path) -> None:
    model = created(weights, targets=ALL)
    before = copied(model)
    vit_lora.fit(model, task(faces, tmp_path, targets=ALL))
    after = copied(model)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    layers = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
    adapted = {f"network.blocks.{number}.{layer}.weight" for number in range(DEPTH) for layer in layers}
    assert moved == adapted | {"classifier.1.weight", "classifier.1.bias"}


def test_the_adapter_of_ddas_layers_has_589824_weights_on_vit_s() -> None:
    """As peft's own configuration for DDA: rank 8 on four layers of ViT-S/14."""
    own = knobs(backbone="vit_small_patch14_dinov2.lvd142m", targets=ALL, rank=8, alpha=1)
    with torch.device("meta"):
        model = VitLora(backbone=own.backbone, input_size=224, dynamic_img_size=True)
        model.attach(own)
    assert sum(weight.numel() for name, weight in model.named_parameters() if "lora_" in name) == 589_824


@pytest.mark.parametrize("single_center", [None, SINGLE_CENTER])
def test_the_contrastive_loss_shares_the_weight_with_the_log_loss(
    weights: Path, faces: Both, tmp_path: Path, single_center: dict[str, float] | None
) -> None:
    contrastive = {"weight": 0.3, "margin": 0.8}
    own = task(faces, tmp_path, contrastive=contrastive, single_center=single_center, lora_dropout=0.0)
    assert isinstance(own.settings, vit_lora.Settings)
    model = created(weights)
    model.attach(own.settings)
    pixels, labels = pixels_of(faces), torch.tensor([0.0, 1.0] * 3)
    features = model.features(pixels)
    expected = 0.7 * functional.binary_cross_entropy_with_logits(model(pixels), labels)
    expected = expected + 0.3 * contrastive_loss(features, labels, 0.8)
    if single_center:
        expected = expected + 0.5 * single_center_loss(features, labels, torch.zeros(WIDTH), 0.3)
    torch.testing.assert_close(model.loss(pixels, labels, torch.arange(6).numpy(), own), expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"targets": []},
        {"targets": ["patch_embed"]},
        {"contrastive": {"weight": 1.1}},
        {"contrastive": {"weight": 0.0}},
        {"contrastive": {"margin": 2.1}},
        {"backbone": "resnet50"},
    ],
)
def test_knobs_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        knobs(**wrong)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"backbone": "vit_base_patch14_dinov2", "input_size": 256}, r"`input_size` is 256.*patches of 14 px"),
        ({"backbone": "vit_tiny_patch16_225"}, r"'vit_tiny_patch16_225'.*did you mean `vit_tiny_patch16_224`"),
        ({"backbone": "vit_tiny_patch16_224.mine"}, r"'vit_tiny_patch16_224.mine', which is not a ViT of timm"),
        ({"backbone": "vit_relpos_small_patch16_224"}, r"'vit_relpos_small_patch16_224', which is not a ViT of timm"),
        ({"backbone": "vit_base_patch16_xp_224"}, "which has no `qkv` layers"),
    ],
)
def test_what_is_no_vit_that_takes_such_pictures_is_one_line(tmp_path: Path, changed: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        vit_lora.create(knobs(**changed), tmp_path, 64)
    assert "\n" not in str(error.value)


def test_without_peft_it_says_what_to_install(
    weights: Path, faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(UserError, match=r"trained with peft: `pip install -e '\.\[lora\]'`"):
        vit_lora.fit(created(weights), task(faces, tmp_path))
