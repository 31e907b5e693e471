"""The linear probe: timm's own features, balanced weights, a cache that is reused and never wrongly, one detector."""

import shutil
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from pydantic import ValidationError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import Tensor

from faces_for_training import encoded, labelled, upsampled
from stops import Interruption
from unseen.core.errors import UserError
from unseen.core.runtime import generator
from unseen.core.scratch import Scratch
from unseen.data.pictures import Crops, Faces, Pixels
from unseen.detectors.kinds import linear_probe
from unseen.detectors.kinds.linear_probe import balanced
from unseen.detectors.shared import features
from unseen.detectors.shared.any_backbone import UnitFeatures
from unseen.detectors.shared.augment import augmented, random_numbers
from unseen.detectors.shared.base import Task
from unseen.detectors.shared.features import cached_features
from unseen.detectors.shared.logits import as_batch, logits_of
from unseen.detectors.shared.tokens import EVERY, TokenFeatures, choices

from .networks import copied, knobs, same

CPU = torch.device("cpu")
NONE = Path("models/none")
Both = tuple[Faces, Faces]
AUGMENT = knobs().augment.model_dump()


def settings(**changed: Any) -> linear_probe.Settings:
    values = {
        "kind": "linear_probe",
        "weights": "none",
        "train_on": {"reals": "faces/people", "fakes": "fakes/own"},
        "backbone": "test_resnet",
        "input_size": 32,
        "views": 2,
        "augment": AUGMENT,
        "penalty": 0.01,
    }
    return linear_probe.Settings.model_validate({**values, **changed})


def made(seed: int = 0, weights: Path = NONE, **changed: Any) -> UnitFeatures:
    torch.manual_seed(seed)
    model = linear_probe.create(settings(**changed), weights, 32)
    assert isinstance(model, UnitFeatures)
    return model


def fit(faces: Both, scratch: Path, seed: int = 0, name: str = "probe", **changed: Any) -> UnitFeatures:
    model = made(seed, **changed)
    assert linear_probe.fit(model, Task(settings(**changed), *faces, 4, Scratch(scratch, name, changed))) == []
    return model


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of pictures that the network is shown."""
    shown: list[int] = []
    plain = UnitFeatures.features

    def counted(self: UnitFeatures, pixels: Tensor) -> Tensor:
        shown.append(len(pixels))
        return plain(self, pixels)

    monkeypatch.setattr(UnitFeatures, "features", counted)
    return shown


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit", "mobilenetv3_small_050"])
def test_features_are_timms_own_of_length_1(backbone: str, faces: Both) -> None:
    model = made(backbone=backbone).eval()
    whole = timm.create_model(backbone, num_classes=0, **({"img_size": 32} if backbone == "test_vit" else {})).eval()
    state = model.network.state_dict()
    if backbone == "test_vit":  # its embeddings are interpolated from those of its own size
        position = state["pos_embed"]
        assert position.shape[1] > whole.pos_embed.shape[1]
        rest = {key: value for key, value in state.items() if key != "pos_embed"}
        assert whole.load_state_dict(rest, strict=False).missing_keys == ["pos_embed"]
        grown = timm.layers.resample_abs_pos_embed(position, (2, 2), num_prefix_tokens=whole.num_prefix_tokens)
        whole.pos_embed.data = grown
    else:
        whole.load_state_dict(state)
    pixels = as_batch(faces[0].pixels[:4], CPU)
    mean, std = (torch.tensor(whole.pretrained_cfg[name])[:, None, None] for name in ("mean", "std"))
    with torch.no_grad():
        expected = whole((pixels / 255 - mean) / std)
        found = model.features(pixels)
    torch.testing.assert_close(found, expected / expected.norm(dim=1, keepdim=True), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(4))


def test_classes_generators_and_sets_weigh_the_same() -> None:
    columns: dict[str, list[object]] = {
        "label": [0] * 4 + [1] * 8,
        "source": ["orl"] * 3 + ["lfw"] + ["a1"] * 4 + ["a2"] * 2 + ["b1"] * 2,
        "generator": [""] * 4 + ["a"] * 6 + ["b"] * 2,
    }
    found = balanced(Faces(np.zeros((12, 8, 8, 3), np.uint8), columns))
    # 12 faces: 6 for each class, 3 for each of two sources and two generators; a's two sets share its 3
    assert found.tolist() == pytest.approx([1, 1, 1, 3] + [1.5 / 4] * 4 + [1.5 / 2] * 2 + [1.5] * 2)


def test_it_is_scikit_learns_regression_on_all_views(faces: Both, tmp_path: Path) -> None:
    model = fit(faces, tmp_path, penalty=0.1)
    train = faces[0]
    seen = []
    for row, face in enumerate(train.pixels):
        seen.append(face)
        seen.append(augmented(face, random_numbers(1, generator(4, "view", row, 1))[0], knobs().augment))
    with torch.no_grad():
        rows = model.features(as_batch(np.stack(seen), CPU)).double().numpy()
    rival = LogisticRegression(C=10, tol=1e-9, max_iter=10000)
    rival.fit(rows, train.labels.repeat(2), np.full(len(rows), 0.5))
    head = model.classifier[-1]
    np.testing.assert_allclose(head.weight.detach().numpy(), rival.coef_, atol=0.02 * np.abs(rival.coef_).max())


def test_it_finds_an_artefact_and_leaves_the_network_alone(faces: Both, tmp_path: Path) -> None:
    before = copied(made())
    model = fit(faces, tmp_path)
    logits = logits_of(model, faces[0].pixels, CPU)
    assert roc_auc_score(faces[0].labels, logits) > 0.75, "of a network that has learned nothing"
    assert logits[faces[0].labels == 1].mean() > logits[faces[0].labels == 0].mean(), "positive for fake"
    after = copied(model)
    assert [name for name in before if not torch.equal(before[name], after[name])] == [
        "classifier.1.weight",
        "classifier.1.bias",
    ]


def test_a_stronger_penalty_gives_smaller_weights(faces: Both, tmp_path: Path) -> None:
    weak, strong = (fit(faces, tmp_path, penalty=penalty).classifier[-1].weight.norm() for penalty in (0.01, 10.0))  # type: ignore[operator, union-attr]
    assert strong < 0.5 * weak


def test_seven_reals_to_a_fake_do_not_move_the_boundary(faces: Both, tmp_path: Path) -> None:
    reals = faces[0].pixels[:84]
    few = labelled(reals, upsampled(reals)[:12])
    logits = logits_of(fit((few, faces[1]), tmp_path, penalty=1.0), few.pixels, CPU)
    middle = (logits[few.labels == 0].mean() + logits[few.labels == 1].mean()) / 2
    assert abs(middle) < 0.2 * np.ptp(logits) + 0.1


def test_the_first_view_is_the_face_and_others_follow_from_seed_and_row(faces: Both, tmp_path: Path) -> None:
    model = made()
    found = [
        cached_features(model, faces[0], 3, knobs().augment, seed, Scratch(tmp_path / name, "d", 1))
        for name, seed in (("a", 4), ("b", 4), ("c", 5))
    ]
    assert found[0].shape == (168, 3, 96)
    assert found[0].dtype == np.float32
    with torch.no_grad():
        as_is = model.features(as_batch(faces[0].pixels[:64], CPU)).numpy()
    assert np.array_equal(found[0][:64, 0], as_is)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0][:, 0], found[2][:, 0])
    assert not np.array_equal(found[0][:, 1], found[2][:, 1])
    assert not np.array_equal(found[0][:, 1], found[0][:, 2])


def test_another_penalty_takes_the_features_that_are_there(faces: Both, tmp_path: Path, pictures: list[int]) -> None:
    first = fit(faces, tmp_path, name="first", penalty=0.1)
    assert sum(pictures) == 1 + 2 * 168, "one to see whether the network takes this size, and two views of each face"
    Scratch(tmp_path, "first", {"penalty": 0.1}).clear()
    pictures.clear()
    second = fit(faces, tmp_path, name="second", penalty=10.0)
    assert sum(pictures) == 1
    assert not same(copied(first), copied(second))
    assert len(list(tmp_path.glob("features-*"))) == 1


def test_training_seeds_share_the_features_of_faces_as_they_are(
    faces: Both, tmp_path: Path, pictures: list[int]
) -> None:
    """Those of augmented copies depend on the seed."""
    model = made()
    pictures.clear()
    for views, augment, shown in ((1, None, [168, 0]), (2, knobs().augment, [336, 336])):
        found = []
        for seed, count in zip((4, 5), shown, strict=True):
            found.append(cached_features(model, faces[0], views, augment, seed, Scratch(tmp_path, f"seed-{seed}", 1)))
            assert sum(pictures) == count
            pictures.clear()
        assert np.array_equal(found[0][:, 0], found[1][:, 0])


@pytest.mark.parametrize(
    "changed",
    [{"views": 3}, {"augment": {**AUGMENT, "blur": 0.3}}, {"backbone": "test_byobnet"}, {"input_size": 64}],
)
def test_other_knobs_do_not(faces: Both, tmp_path: Path, pictures: list[int], changed: dict[str, Any]) -> None:
    fit(faces, tmp_path)
    pictures.clear()
    fit(faces, tmp_path, **changed)
    assert sum(pictures) == 1 + changed.get("views", 2) * 168


def test_other_weights_or_faces_do_not(faces: Both, tmp_path: Path, pictures: list[int]) -> None:
    fit(faces, tmp_path)
    pictures.clear()
    fit(faces, tmp_path, seed=1)
    assert sum(pictures) == 1 + 2 * 168
    pixels = faces[0].pixels.copy()
    pixels[-1, 0, 0, 0] ^= 1
    pictures.clear()
    fit((Faces(pixels, faces[0].columns), faces[1]), tmp_path)
    assert sum(pictures) == 1 + 2 * 168


def test_a_killed_extraction_goes_on_and_ends_the_same(
    faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pictures: list[int]
) -> None:
    whole = fit(faces, tmp_path / "whole")
    write = features._write
    written: list[Path] = []

    def killed(file: Path, *rest: Any) -> None:
        if len(written) == 2:
            raise Interruption
        written.append(file)
        write(file, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(features, "_write", killed)
        with pytest.raises(Interruption):
            fit(faces, tmp_path / "cut")
    pictures.clear()
    again = fit(faces, tmp_path / "cut")
    assert pictures == [1, 40, 40], "the last of three shards, 168 - 2 * 64 faces, in two views"
    assert same(copied(again), copied(whole))


def test_told_to_stop_it_stops_between_shards(faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_STOP_AFTER", "0")
    with pytest.raises(UserError, match=r"shard 0 of 3; run it again"):
        fit(faces, tmp_path)


@pytest.mark.parametrize("harm", ["cut", "flipped", "swapped", "other", "text"])
def test_a_harmed_shard_is_computed_again(
    faces: Both, tmp_path: Path, pictures: list[int], capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    whole = fit(faces, tmp_path)
    first, second, _ = sorted(tmp_path.glob("features-*/part-*"))
    good = first.read_bytes()
    if harm == "cut":
        first.write_bytes(good[: len(good) // 2])
    elif harm == "flipped":
        first.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    elif harm == "swapped":
        shutil.copy(second, first)
    elif harm == "other":
        fit(faces, tmp_path / "other", seed=1)
        shutil.copy(next((tmp_path / "other").glob("features-*/part-00000*")), first)
    else:
        first.write_text("these are no features")
    pictures.clear()
    capsys.readouterr()
    assert same(copied(fit(faces, tmp_path)), copied(whole))
    assert pictures == [1, 64, 64]
    assert f"{first}: damaged, or of other inputs" in capsys.readouterr().err
    assert first.read_bytes() == good


def test_only_a_shard_of_pictures_is_decoded_at_a_time(
    faces: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = faces[0]
    crops = Crops([encoded(face, quality=95) for face in train.pixels], train.columns)
    most: list[int] = []
    take = Crops.take

    def counted(self: Crops, rows: range, threads: Executor | None = None) -> Pixels:
        most.append(len(rows))
        return take(self, rows, threads)

    monkeypatch.setattr(Crops, "take", counted)
    fit((crops, faces[1]), tmp_path)
    assert most == [64, 64, 40]


def test_same_faces_same_bytes(faces: Both, tmp_path: Path) -> None:
    assert same(copied(fit(faces, tmp_path / "a")), copied(fit(faces, tmp_path / "b")))


def test_it_comes_back(faces: Both, tmp_path: Path) -> None:
    for backbone in ("test_resnet", "test_vit"):
        model = fit(faces, tmp_path, backbone=backbone)
        again = linear_probe.restore(model.config)
        again.load_state_dict(model.state_dict())
        pixels = faces[1].pixels[:5]
        assert np.array_equal(logits_of(again, pixels, CPU), logits_of(model, pixels, CPU))
        assert logits_of(model, pixels, CPU).std() > 0


def test_it_takes_weights_from_a_file(tmp_path: Path) -> None:
    whole = timm.create_model("test_vit").state_dict()
    torch.save(whole, tmp_path / "net.pth")
    model = made(weights=tmp_path, backbone="test_vit")
    assert all(torch.equal(value, whole[name]) for name, value in model.network.state_dict().items())


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"backbone": "vit_base_patch16_clip_22"},
            r"not a network of timm; did you mean `vit_base_patch16_clip_224`",
        ),
        ({"backbone": "resnet18.a7_in1k"}, r"`backbone` is 'resnet18.a7_in1k'.*a7_in1k"),
        ({"backbone": "eva02_tiny_patch14_224", "input_size": 64}, r"`input_size` is 64.*patch size.*at 224 px"),
        ({"backbone": "levit_128s"}, r"`input_size` is 32.*`levit_128s` can't take.*at 224 px"),
    ],
)
def test_what_can_not_be_made_is_one_line(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        made(**changed)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("changed", [{"augment": None}, {"views": 1}, {"views": 0}, {"penalty": 0.0}])
def test_knobs_that_do_not_fit_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**changed)


def token_faces() -> Both:
    """Faces of two generators, of which each leaves a trace of its own, to train and to validate on."""
    made = []
    for seed, count in ((0, 24), (1, 16)):
        noise = np.random.default_rng(seed).integers(0, 160, (3 * count, 32, 32, 3), dtype=np.uint8)
        one, two = upsampled(noise[count : 2 * count]) + 60, noise[2 * count :] // 2 + 90
        pixels = np.concatenate([noise[:count], one, two])
        columns: dict[str, list[object]] = {
            "label": [0] * count + [1] * 2 * count,
            "source": ["orl"] * count + ["a"] * count + ["b"] * count,
            "generator": [""] * count + ["a"] * count + ["b"] * count,
        }
        made.append(Faces(pixels, columns))
    return made[0], made[1]


SIGLIP = "vit_base_patch16_siglip_224"


@pytest.mark.parametrize(
    ("backbone", "tokens", "norm"),
    [
        ("test_vit", "class", "after"),
        ("test_vit", "mean", "before"),
        ("test_vit3", "mean", "after"),  # its norm follows the pooling
        ("test_vit3", "mean", "before"),
        (SIGLIP, "mean", "after"),
        ("vit_small_patch16_dinov3", "class", "before"),
    ],
)
def test_features_are_those_of_the_tokens(faces: Both, backbone: str, tokens: str, norm: str) -> None:
    """Against timm's own intermediate output."""
    small = {} if backbone.startswith("test") else {"embed_dim": 32, "depth": 2, "num_heads": 2}
    knobs = {"backbone": backbone, "input_size": 32, "dynamic_img_size": True, "tokens": tokens, "norm": norm}
    knobs |= small
    torch.manual_seed(0)
    model = TokenFeatures(**knobs).eval()
    pixels = as_batch(faces[0].pixels[:4], CPU)
    vit: Any = model.network
    with torch.no_grad():
        (last,) = vit.forward_intermediates(
            model.network_input(pixels),
            indices=1,
            norm=norm == "after",
            output_fmt="NLC",
            intermediates_only=True,
            return_prefix_tokens=True,
        )
        patches, prefix = last if vit.num_prefix_tokens else (last, last)
        expected = prefix[:, 0] if tokens == "class" else patches.mean(1)
        expected = vit.fc_norm(expected) if norm == "after" else expected
        found = model.features(pixels)
    torch.testing.assert_close(found, expected / expected.norm(dim=1, keepdim=True), rtol=1e-3, atol=1e-5)


def test_every_choice_is_one_after_the_other_and_pooled_is_left_out_where_it_is_another(faces: Both) -> None:
    torch.manual_seed(0)
    small = {"embed_dim": 32, "depth": 2, "num_heads": 2, "dynamic_img_size": True, "input_size": 32, "norm": ""}
    pixels = as_batch(faces[0].pixels[:4], CPU)
    for backbone, count in (
        ("vit_base_patch16_siglip_224", 3),
        ("vit_pe_core_tiny_patch16_384", 5),
        ("vit_small_patch16_dinov3", 4),
    ):
        model = TokenFeatures(backbone=backbone, tokens=EVERY, **small).eval()
        offered = choices(model.network)
        assert len(offered) == count
        assert (("pooled", "after") in offered) == (count != 4)
        with torch.no_grad():
            every = model.features(pixels)
            for number, one in enumerate(offered):
                model.choose(*one)
                torch.testing.assert_close(every[:, number * 32 : (number + 1) * 32], model.features(pixels))


def test_the_choice_is_by_generators_that_were_left_out(tmp_path: Path) -> None:
    data = token_faces()
    knobs = {"backbone": "test_vit", "choose": True, "views": 1, "augment": None}
    model = fit(data, tmp_path, **knobs)
    assert isinstance(model, TokenFeatures)
    assert model.chosen is not None
    table = model.chosen["table"]
    assert [(row["features"], row["norm"]) for row in table] == choices(model.network)
    best = max(table, key=lambda row: row["mean"])
    assert (model.chosen["features"], model.chosen["norm"]) == (best["features"], best["norm"])
    assert (model.config["tokens"], model.config["norm"]) == (best["features"], best["norm"])

    # the same by hand, for the last of the choices
    train, val = data
    other = made(backbone="test_vit", features=table[-1]["features"], norm=table[-1]["norm"], views=1, augment=None)
    with torch.no_grad():
        of_train, of_val = (other.eval().features(as_batch(one.pixels, CPU)).double().numpy() for one in data)
    for name, source in (("a", "b"), ("b", "a")):
        kept = [row for row, made_by in enumerate(train.columns["generator"]) if made_by != name]
        rival = LogisticRegression(C=1 / 0.01, tol=1e-7, max_iter=5000).fit(of_train[kept], train.labels[kept])
        measured = [row for row, made_by in enumerate(val.columns["generator"]) if made_by != source]
        auc = roc_auc_score(val.labels[measured], rival.decision_function(of_val[measured]))
        assert table[-1]["auc"][name] == pytest.approx(auc, abs=0.01)

    again = linear_probe.restore(model.config)
    again.load_state_dict(model.state_dict())
    assert np.array_equal(logits_of(again, val.pixels[:5], CPU), logits_of(model, val.pixels[:5], CPU))
    assert logits_of(model, val.pixels, CPU).std() > 0


def test_the_choice_needs_two_training_generators(tmp_path: Path) -> None:
    train, val = token_faces()
    some = [
        Faces(one.pixels[: 2 * len(one) // 3], {k: v[: 2 * len(one) // 3] for k, v in one.columns.items()})
        for one in (train, val)
    ]
    with pytest.raises(
        UserError, match=r"`choose: true` leaves one training generator out.*those of: a\. Add"
    ) as error:
        fit((some[0], some[1]), tmp_path, backbone="test_vit", choose=True)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changed", [{"norm": "before"}, {"choose": True, "features": "mean"}, {"features": "patches"}]
)
def test_features_that_do_not_fit_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**changed)


def test_a_network_without_a_class_token_or_any_token_is_one_line() -> None:
    with pytest.raises(UserError, match=r"`features` is 'class', but `test_vit3` has no class token"):
        made(features="class", backbone="test_vit3")
    with pytest.raises(UserError, match=r"`features` is 'mean', but `test_resnet` has no tokens"):
        made(features="mean")
