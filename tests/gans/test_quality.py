"""The measures against torch-fidelity's and against loops; the network's features on real faces."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_kid import kernel_mmd
from torch_fidelity.metric_prc import prc_features_to_metric

from faces_for_training import OrlFaces, encoded
from unseen.core.errors import UserError
from unseen.data.pictures import decode_crop
from unseen.gans.training.quality import Backbone, diversity, kid, nearest_training_faces, precision_recall

from .tiny import CPU


def points(count: int, seed: int, shift: float = 0.0, size: int = 16) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed)) + shift


def bytes_of_noise(count: int) -> Tensor:
    return torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("shift", [0.0, 0.3, 2.0])
def test_kid_is_torch_fidelitys(shift: float) -> None:
    reals, fakes = points(80, 1), points(80, 2, shift)
    theirs = kernel_mmd(reals.double().numpy(), fakes.double().numpy())
    assert kid(reals, fakes) == pytest.approx(float(theirs), rel=1e-9, abs=1e-12)


def test_kid_of_sets_of_two_sizes_is_what_loops_say() -> None:
    reals, fakes = points(7, 1), points(5, 2, 0.5)

    def kernel(a: Tensor, b: Tensor) -> float:
        return float((a.double() @ b.double() / 16 + 1) ** 3)

    def within(x: Tensor) -> float:
        pairs = [kernel(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]
        return sum(pairs) / len(pairs)

    between = sum(kernel(a, b) for a in reals for b in fakes) / 35
    assert kid(reals, fakes) == pytest.approx(within(reals) + within(fakes) - 2 * between)


def test_kid_is_about_nothing_for_sets_alike_and_grows_with_what_is_between_them() -> None:
    alike = [kid(points(200, 2 * seed), points(200, 2 * seed + 1)) for seed in range(10)]
    away = [kid(points(200, 0), points(200, 1, shift)) for shift in (0.0, 0.2, 0.5, 1.0)]
    assert min(alike) < 0 < max(alike), "chance puts it on either side"
    assert away == sorted(away)
    assert away[1] > 3 * max(alike)


def test_kid_takes_no_side() -> None:
    assert kid(points(30, 1), points(40, 2, 1)) == pytest.approx(kid(points(40, 2, 1), points(30, 1)))


@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (0.5, 1.0), (0.0, 0.3), (0.0, 2.0), (5.0, 1.0)])
def test_precision_and_recall_are_torch_fidelitys(shift: float, spread: float) -> None:
    reals, fakes = points(150, 1, size=3), spread * points(120, 2, shift, size=3)
    theirs = prc_features_to_metric(fakes, reals, verbose=False)
    assert precision_recall(reals, fakes) == pytest.approx((theirs["precision"], theirs["recall"]), abs=1e-6)


def test_precision_is_the_fakes_side_and_recall_the_reals() -> None:
    reals = points(200, 1, size=3)
    narrow = precision_recall(reals, 0.3 * points(200, 2, size=3))
    wide = precision_recall(reals, 3 * points(200, 2, size=3))
    assert narrow[0] > 0.9 > 0.5 > narrow[1]
    assert wide[1] > 0.9 > 0.5 > wide[0]
    assert precision_recall(reals, reals) == (1, 1)
    assert precision_recall(reals, points(200, 2, 50, size=3)) == (0, 0)


def test_a_manifold_reaches_out_to_the_third_neighbour() -> None:
    line = torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0]])  # the ball about 0 has radius 3, that about 2 has 2
    inside, outside = torch.tensor([[-3.0]]), torch.tensor([[-3.1]])
    crowd = torch.full((4, 1), 100.0)
    assert precision_recall(line, torch.cat([inside, crowd]))[0] == 1 / 5
    assert precision_recall(line, torch.cat([outside, crowd]))[0] == 0


def test_diversity_is_the_ratio_of_mean_distances() -> None:
    reals = points(200, 5, size=3)
    assert diversity(reals, reals) == pytest.approx(1)
    assert diversity(reals, 0.25 * reals + 7) == pytest.approx(0.25), "a shift changes nothing"
    assert diversity(reals, reals[:1].expand(50, -1)) == 0
    assert diversity(reals, points(50, 6, size=3)) == pytest.approx(1, abs=0.15)


def test_a_copied_face_is_found_and_counted() -> None:
    train, held_back = points(300, 1, size=64), points(200, 2, size=64)
    copied = torch.tensor([5, 77, 299])
    honest = points(97, 3, size=64)
    found = nearest_training_faces(train, held_back, torch.cat([train[copied] * 1.5, honest]))
    assert torch.equal(found.rows[:3], copied), "cosine knows no length"
    assert 0.03 <= found.copies <= 0.08


def test_about_a_hundredth_of_an_honest_generators_samples_count_as_copies() -> None:
    found = nearest_training_faces(points(1000, 1), points(3000, 2), points(3000, 3))
    assert found.copies == pytest.approx(0.01, abs=0.006)


def test_a_generator_that_knows_the_faces_by_heart_is_all_copies() -> None:
    train = points(300, 1, size=64)
    assert nearest_training_faces(train, points(200, 2, size=64), train + 0.01 * points(300, 3, size=64)).copies == 1


@pytest.mark.parametrize("size", [1, 5])
def test_the_nearest_faces_are_those_that_loops_find(size: int) -> None:
    train, drawn = points(30, 1, size=size), points(20, 2, size=size)
    angles = [[float(torch.cosine_similarity(one, face, dim=0)) for face in train] for one in drawn]
    found = nearest_training_faces(train, points(10, 3, size=size), drawn).rows
    assert [row[int(place)] for row, place in zip(angles, found, strict=True)] == pytest.approx(
        [max(row) for row in angles], abs=1e-5
    )


@pytest.fixture(scope="module")
def backbone(lite1_weights: Path) -> Backbone:
    return Backbone(lite1_weights, CPU)


@pytest.fixture(scope="module")
def faces(orl_faces: OrlFaces) -> Tensor:
    return torch.from_numpy(orl_faces.small).permute(0, 3, 1, 2)[::2]


@pytest.fixture(scope="module")
def features(backbone: Backbone, faces: Tensor) -> Tensor:
    return backbone(faces)


def test_features_are_those_of_a_network_that_has_seen_pictures(features: Tensor, backbone: Backbone) -> None:
    assert features.shape == (60, 1280)
    assert features.dtype == torch.float32
    assert features.isfinite().all()
    noise = backbone(bytes_of_noise(20))
    one, other = features[::2].mean(0), features[1::2].mean(0)
    assert (one - other).norm() < 0.5 * (one - noise.mean(0)).norm()


def test_a_picture_has_the_same_features_alone_and_among_others(
    features: Tensor, backbone: Backbone, faces: Tensor
) -> None:
    torch.testing.assert_close(backbone(faces[3:4])[0], features[3], rtol=1e-3, atol=1e-3)


def test_real_faces_are_nearer_to_one_another_than_to_noise_or_to_spoiled_faces(
    features: Tensor, backbone: Backbone, faces: Tensor
) -> None:
    halves = kid(features[::2], features[1::2])
    noisy = (faces[1::2].float() + 40 * torch.randn(30, 3, 32, 32, generator=torch.Generator().manual_seed(1))).clamp(
        0, 255
    )
    spoiled = kid(features[::2], backbone(noisy.byte()))
    noise = kid(features[::2], backbone(bytes_of_noise(30)))
    assert noise > spoiled > 5 * abs(halves)
    assert noise > 20 * abs(halves)


def test_a_real_face_that_was_encoded_once_more_is_found_and_counted(
    features: Tensor, backbone: Backbone, faces: Tensor
) -> None:
    again = [decode_crop(encoded(face.permute(1, 2, 0).numpy(), quality=95)) for face in faces[10:16]]
    copies = torch.from_numpy(np.stack(again)).permute(0, 3, 1, 2)
    assert not torch.equal(copies, faces[10:16])
    train, held_back = features[:39], features[42:]  # no person on both sides
    found = nearest_training_faces(train, held_back, backbone(copies))
    assert found.rows.tolist() == [10, 11, 12, 13, 14, 15]
    assert found.copies == 1


def refused(folder: Path) -> str:
    with pytest.raises(UserError) as error:
        Backbone(folder, CPU)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_missing_weights_are_one_line_that_says_what_to_run(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        message = refused(folder)
        assert str(folder) in message
        assert "dvc repro packaged" in message


def test_two_files_are_one_too_many(tmp_path: Path) -> None:
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).touch()
    assert "expected one .pth file" in refused(tmp_path)


def test_weights_that_are_no_weights_or_another_networks_are_one_line(tmp_path: Path, lite1_weights: Path) -> None:
    file = tmp_path / "net.pth"
    (good,) = lite1_weights.glob("*.pth")
    state = torch.load(good, weights_only=True)
    for foreign in (dict(list(state.items())[:-1]), dict(reversed(state.items())), list(state.values()), {"a": 1}):
        torch.save(foreign, file)
        assert f"{file}: not the weights of EfficientNet-lite1" in refused(tmp_path)
    for torn in (b"", b"<!DOCTYPE html>", good.read_bytes()[:5000]):
        file.write_bytes(torn)
        assert f"{file}: not the weights of EfficientNet-lite1" in refused(tmp_path)
