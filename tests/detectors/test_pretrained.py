"""Where a network's weights come from, on networks of a few hundred thousand parameters."""

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from unseen.core.errors import UserError
from unseen.detectors.shared.pretrained import load_backbone

from .networks import copied, same

NET = "test_resnet"
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def published() -> State:
    """Weights as they are published: with a classifier of 1000 classes, and statistics of their own."""
    torch.manual_seed(3)
    state: State = timm.create_model(NET).state_dict()
    return {name: torch.rand_like(value) if value.is_floating_point() else value for name, value in state.items()}


def loaded(folder: Path) -> State:
    network = timm.create_model(NET, num_classes=0)
    load_backbone(network, NET, folder)
    return copied(network)


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        work()
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def without_classifier(state: State) -> State:
    return {name: value for name, value in state.items() if not name.startswith("fc.")}


@pytest.mark.parametrize("name", ["net.pth", "net.pt", "net.bin"])
@pytest.mark.parametrize("wrapped", ["", "state_dict", "model"])
def test_by_name(published: State, tmp_path: Path, name: str, wrapped: str) -> None:
    shuffled = dict(sorted(published.items(), reverse=True))
    torch.save({wrapped: shuffled, "epoch": 3} if wrapped else shuffled, tmp_path / name)
    assert same(loaded(tmp_path), without_classifier(published))


def test_safetensors(published: State, tmp_path: Path) -> None:
    save_file(published, tmp_path / "model.safetensors")
    assert same(loaded(tmp_path), without_classifier(published))


def test_by_order_where_names_are_others(published: State, tmp_path: Path) -> None:
    torch.save({f"module.{name}": value for name, value in published.items()}, tmp_path / "net.pth")
    assert same(loaded(tmp_path), without_classifier(published))


def test_by_order_only_where_the_order_is_the_networks(tmp_path: Path) -> None:
    """safetensors sorts by name, and a bias is as long as its norm's weight: without a look at names they change
    places."""
    state = timm.create_model("test_vit", num_classes=0).state_dict()
    save_file({f"old.{number:03d}": value for number, value in enumerate(state.values())}, tmp_path / "a.safetensors")
    network = timm.create_model("test_vit", num_classes=0)
    assert "not the weights of `test_vit`" in refusal(lambda: load_backbone(network, "test_vit", tmp_path))


def test_another_networks_weights_are_refused(published: State, tmp_path: Path) -> None:
    torch.save(timm.create_model("test_efficientnet").state_dict(), tmp_path / "net.pth")
    assert f"{tmp_path}: not the weights of `{NET}`" in refusal(lambda: loaded(tmp_path))
    wider = {name: torch.cat([value, value]) if value.ndim else value for name, value in published.items()}
    torch.save(wider, tmp_path / "net.pth")
    assert f"{tmp_path}: not the weights of `{NET}`" in refusal(lambda: loaded(tmp_path))
    torch.save(dict(list(published.items())[:20]), tmp_path / "net.pth")
    assert f"{tmp_path}: not the weights of `{NET}`" in refusal(lambda: loaded(tmp_path))


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
@pytest.mark.parametrize("kept", [0, 100, 5000, -1000])
def test_a_damaged_file(published: State, tmp_path: Path, name: str, kept: int) -> None:
    save = save_file if name.endswith("safetensors") else torch.save
    save(published, tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:kept])
    assert f"{tmp_path / name}: not a file of weights" in refusal(lambda: loaded(tmp_path))


class Harmful:
    """Not data: to load it is to run it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('it ran')",)


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, {"state_dict": 3}, torch.zeros(2), {"a": Harmful()}])
def test_a_file_that_holds_something_else(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "net.pth")
    assert "not a file of weights" in refusal(lambda: loaded(tmp_path))


def test_no_file_or_two(published: State, tmp_path: Path) -> None:
    assert "expected one file of weights; run `dvc repro packaged asset`" in refusal(
        lambda: loaded(tmp_path / "nowhere")
    )
    (tmp_path / "README.md").write_text("no weights")
    assert "expected one file" in refusal(lambda: loaded(tmp_path))
    for name in ("a.pth", "b.pth"):
        torch.save(published, tmp_path / name)
    assert "expected one file" in refusal(lambda: loaded(tmp_path))


@pytest.fixture
def model(published: State, tmp_path: Path) -> Path:
    """A repository of timm, as the stage `hub` leaves it."""
    folder = tmp_path / "models/hub/net"
    folder.mkdir(parents=True)
    save_file(published, folder / "model.safetensors")
    (folder / "config.json").write_text('{"architecture": "test_resnet"}')
    return folder


def test_a_model_of_the_hub(published: State, model: Path) -> None:
    save_file(published, model / "other.safetensors")  # model.safetensors comes first
    assert same(loaded(model), without_classifier(published))


def test_a_model_of_the_hub_of_another_network(model: Path) -> None:
    save_file(timm.create_model("test_efficientnet").state_dict(), model / "model.safetensors")
    (model / "config.json").write_text('{"architecture": "test_efficientnet"}')
    message = refusal(lambda: loaded(model))
    assert f"{model}: not the weights of `{NET}`, but of `test_efficientnet`; correct `backbone`" in message
    (model / "config.json").unlink()
    assert f"{model}: not the weights of `{NET}`; correct `backbone`" in refusal(lambda: loaded(model))


def test_a_model_of_the_hub_without_one_file_of_weights(published: State, model: Path) -> None:
    (model / "model.safetensors").unlink()
    assert "expected model.safetensors or one other file of weights; choose it with" in refusal(lambda: loaded(model))
    save_file(published, model / "a.safetensors")
    assert same(loaded(model), without_classifier(published))
    save_file(published, model / "b.safetensors")
    assert "but a.safetensors, b.safetensors; choose it with `hub.net.files`" in refusal(lambda: loaded(model))


def test_timm_converts_weights_with_other_names(tmp_path: Path) -> None:
    """DINOv2's own files name the layer scale otherwise than timm; and positions of another side are resized."""
    torch.manual_seed(4)
    options = {"num_classes": 0, "dynamic_img_size": True, "init_values": 1e-5}
    theirs = timm.create_model("test_vit", **options)
    state = {name.replace("ls1.gamma", "ls1.g"): value for name, value in theirs.state_dict().items()}
    folder = tmp_path / "hub/vit"
    folder.mkdir(parents=True)
    save_file({f"model.{name}": value for name, value in state.items()}, folder / "model.safetensors")
    network = timm.create_model("test_vit", **options)
    assert "not the weights of `test_vit`" in refusal(lambda: load_backbone(network, "test_vit", folder))
    smaller = timm.create_model("test_vit", img_size=96, **options).state_dict()
    save_file(smaller, folder / "model.safetensors")
    load_backbone(network, "test_vit", folder)
    assert torch.equal(network.patch_embed.proj.weight, smaller["patch_embed.proj.weight"])
    assert network.pos_embed.shape != smaller["pos_embed"].shape
