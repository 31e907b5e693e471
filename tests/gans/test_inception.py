"""FID as torch-fidelity computes it from pictures, on Inception with weights that nobody trained."""

import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

torch_fidelity = pytest.importorskip("torch_fidelity")
from torch_fidelity import feature_extractor_inceptionv3 as theirs  # noqa: E402
from torch_fidelity import metric_fid  # noqa: E402

from faces_for_training import OrlFaces  # noqa: E402
from unseen.core.errors import UserError  # noqa: E402
from unseen.gans.shared.networks import build_gan  # noqa: E402
from unseen.gans.training.gan_metrics import GanMetrics  # noqa: E402
from unseen.gans.training.inception import Inception, fid  # noqa: E402
from unseen.gans.training.quality import kid  # noqa: E402
from unseen.gans.training.real_faces import RealFaces  # noqa: E402

from .tiny import CPU, SEED, SIZE, Squares, gan_metrics, settings  # noqa: E402


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file as torch-fidelity has it; its numbers are random and keep the variance."""
    folder = tmp_path_factory.mktemp("inception")
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(1)
        patch.setattr(theirs.FeatureExtractorInceptionV3, "load_state_dict", lambda net, state: None)
        patch.setattr(theirs, "load_state_dict_from_url", lambda *_, **__: {})
        net = theirs.FeatureExtractorInceptionV3("random", ["2048"])
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        torch.save(net.state_dict(), folder / "weights.pth")
    return folder


class Pictures(Dataset[Tensor]):
    """As torch-fidelity wants them: one picture at a time."""

    def __init__(self, pixels: Tensor) -> None:
        self._pixels = pixels

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, row: int) -> Tensor:
        return self._pixels[row]


def pictures(faces: OrlFaces, start: int, stop: int) -> Tensor:
    return torch.from_numpy(faces.small[start:stop]).permute(0, 3, 1, 2)


def test_fid_and_kid_are_torch_fidelitys_own(orl_faces: OrlFaces, weights: Path, tmp_path: Path) -> None:
    sides = [pictures(orl_faces, 0, 4), pictures(orl_faces, 20, 24)]
    expected = torch_fidelity.calculate_metrics(
        input1=Pictures(sides[0]),
        input2=Pictures(sides[1]),
        fid=True,
        kid=True,
        kid_subsets=1,
        kid_subset_size=4,
        feature_extractor_weights_path=str(weights / "weights.pth"),
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
    )
    network = Inception(weights, CPU)
    features = [network(side) for side in sides]
    assert features[0].shape == (4, 2048)
    distance = fid(*features)
    assert distance == pytest.approx(expected["frechet_inception_distance"], rel=1e-4)
    assert kid(*features) == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-3, abs=1e-6)
    assert distance > 10 * abs(fid(features[0], features[0]))


@pytest.mark.parametrize(("reals", "fakes"), [(6, 6), (40, 6), (6, 40), (40, 50)], ids=str)
def test_fid_is_the_same_with_fewer_and_with_more_pictures_than_features(reals: int, fakes: int) -> None:
    random = torch.Generator().manual_seed(1)
    sides = [torch.rand(count, 20, generator=random) ** power for count, power in ((reals, 1), (fakes, 2))]
    statistics = [metric_fid.fid_features_to_statistics(side.double()) for side in sides]
    expected = metric_fid.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert fid(*sides) == pytest.approx(expected, rel=1e-6)
    assert fid(sides[0], sides[0]) == pytest.approx(0, abs=1e-9)


def test_a_gan_is_measured_by_them_where_the_weights_are_at_hand(orl_faces: OrlFaces, weights: Path) -> None:
    knobs = settings()
    row = {"images": 64, "d_loss": 1.0, "g_loss": 1.0}
    faces = RealFaces(orl_faces.small[:20], orl_faces.small[20:30], 4, SEED, Squares(), Inception(weights, CPU))
    with_it = GanMetrics(faces, knobs, SEED)
    found, _ = with_it(*build_gan(knobs, SIZE, 1), row)
    assert {"fid", "kid"} <= set(found)
    assert found["fid"] > 0
    assert not {"fid", "kid"} & set(gan_metrics(orl_faces.small, knobs, count=4)(*build_gan(knobs, SIZE, 1), row)[0])


class _Harm:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("harm-was-done"),))


@pytest.mark.parametrize("what", ["nothing", "another network", "a pickle that acts", "two files"])
def test_other_files_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.chdir(tmp_path)
    if what == "another network":
        torch.save({"weight": torch.ones(1)}, tmp_path / "a.pth")
    elif what == "a pickle that acts":
        (tmp_path / "a.pth").write_bytes(pickle.dumps(_Harm()))
    elif what == "two files":
        for name in "ab":
            torch.save({}, tmp_path / f"{name}.pth")
    with pytest.raises(UserError, match="Inception weights") as error:
        Inception(tmp_path, CPU)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "harm-was-done").exists()
