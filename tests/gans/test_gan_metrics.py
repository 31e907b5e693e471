"""What is said of a GAN while it trains, on networks that are easily seen through."""

import copy

import pytest
import torch
from torch import Tensor, nn

from faces_for_training import OrlFaces
from unseen.core.runtime import generator
from unseen.gans.shared.networks import build_gan, samples
from unseen.gans.training.gan_metrics import GRID
from unseen.gans.training.quality import diversity, kid, precision_recall

from .tiny import SEED, Squares, gan_metrics, settings

LOSSES = {"step": 4, "images": 32, "d_loss": 1.5, "g_loss": 0.5, "squared_gradient": 0.0}
MEASURED = {
    "kid_lite1",
    "precision",
    "recall",
    "diversity",
    "d_right_on_train",
    "d_right_on_held_back",
    "d_right_on_fakes",
}


class Copyist(nn.Module):
    """A generator of faces of a list."""

    def __init__(self, faces: Tensor) -> None:
        super().__init__()
        self.faces = nn.Parameter(faces, requires_grad=False)

    def forward(self, latents: Tensor) -> Tensor:
        return self.faces[(latents[:, 0].abs() * 1000).long() % len(self.faces)]


class Memory(nn.Module):
    """A discriminator that calls real what it was shown, and nothing else."""

    def __init__(self, known: Tensor, low: float = -1.0, high: float = 1.0) -> None:
        super().__init__()
        self.known, self.low, self.high = nn.Parameter(known.flatten(1), requires_grad=False), low, high

    def forward(self, pictures: Tensor) -> Tensor:
        away = (pictures.flatten(1)[:, None] - self.known).abs().amax(2)
        same = away.min(1).values < 1e-2
        return torch.where(same, self.high, self.low)


@pytest.fixture
def unit(orl_faces: OrlFaces) -> Tensor:
    return torch.from_numpy(orl_faces.small).permute(0, 3, 1, 2) / 127.5 - 1


def test_a_row_holds_the_losses_and_every_measure(orl_faces: OrlFaces) -> None:
    g, d = build_gan(settings(), 32, SEED)
    row, drawn = gan_metrics(orl_faces.small, settings())(g, d, LOSSES)
    assert set(row) == set(LOSSES) | MEASURED
    assert {name: row[name] for name in LOSSES} == LOSSES
    assert drawn.shape == (GRID, 3, 32, 32)
    assert drawn.dtype == torch.uint8
    assert all(0 <= row[name] <= 1 for name in MEASURED - {"kid_lite1", "diversity"})


def test_the_measures_are_those_of_the_samples_and_the_faces_that_were_trained_on(orl_faces: OrlFaces) -> None:
    g, d = build_gan(settings(), 32, SEED)
    row, _ = gan_metrics(orl_faces.small, settings(), count=90)(g, d, LOSSES)
    latents = torch.randn(90, 8, generator=generator(SEED, "grid"))
    fakes = Squares()(samples(g, latents))
    reals = Squares()(torch.from_numpy(orl_faces.small[:90]).permute(0, 3, 1, 2))
    assert row["kid_lite1"] == pytest.approx(kid(reals, fakes), rel=1e-6)
    assert (row["precision"], row["recall"]) == precision_recall(reals, fakes)


def test_held_back_faces_are_measured_as_samples_are(orl_faces: OrlFaces) -> None:
    faces = torch.from_numpy(orl_faces.small).permute(0, 3, 1, 2)
    kept = len(faces) * 3 // 4
    reals, others = Squares()(faces[:kept]), Squares()(faces[kept:])
    row = gan_metrics(orl_faces.small, settings(), count=len(faces)).held_back()
    assert set(row) == {"kid_lite1", "precision", "recall", "diversity"}
    assert (row["precision"], row["recall"]) == pytest.approx(precision_recall(reals, others))
    assert row["diversity"] == pytest.approx(diversity(reals, others))
    assert row["kid_lite1"] == pytest.approx(kid(reals, others), abs=1e-9)


@pytest.mark.parametrize(("low", "high", "kind"), [(-1.0, 1.0, "dcgan"), (5.0, 9.0, "r3gan")])
def test_a_discriminator_that_knows_its_faces_by_heart_is_shown_to(
    orl_faces: OrlFaces, unit: Tensor, low: float, high: float, kind: str
) -> None:
    """R3GAN's discriminator knows no zero: 5 is a fake and 9 is real."""
    new = Copyist(-unit)
    row, _ = gan_metrics(orl_faces.small, settings(kind))(new, Memory(unit[:90], low, high), LOSSES)
    assert (row["d_right_on_train"], row["d_right_on_held_back"], row["d_right_on_fakes"]) == (1, 0, 1)
    row, _ = gan_metrics(orl_faces.small, settings(kind))(new, Memory(unit, low, high), LOSSES)
    assert (row["d_right_on_train"], row["d_right_on_held_back"], row["d_right_on_fakes"]) == (1, 1, 1)


def test_a_generator_of_training_faces_fools_a_discriminator_with_a_memory(orl_faces: OrlFaces, unit: Tensor) -> None:
    row, _ = gan_metrics(orl_faces.small, settings())(Copyist(unit[:90]), Memory(unit[:90]), LOSSES)
    assert (row["d_right_on_train"], row["d_right_on_fakes"]) == (1, 0)
    other, _ = gan_metrics(orl_faces.small, settings())(Copyist(-unit), Memory(unit[:90]), LOSSES)
    assert row["kid_lite1"] < 0.1 * other["kid_lite1"]


def test_it_changes_neither_the_networks_nor_any_random_state(orl_faces: OrlFaces) -> None:
    for kind in ("spectral", "r3gan"):
        g, d = build_gan(settings(kind), 32, SEED)
        before, state = [copy.deepcopy(net.state_dict()) for net in (g, d)], torch.get_rng_state()
        it = gan_metrics(orl_faces.small, settings(kind))
        first, second = (it(g, d, LOSSES) for _ in range(2))
        assert torch.equal(torch.get_rng_state(), state)
        assert first[0] == second[0]
        assert torch.equal(first[1], second[1]), "always the same latents"
        assert d.training
        for net, was in zip((g, d), before, strict=True):
            assert all(torch.equal(value, was[name]) for name, value in net.state_dict().items())


def test_the_seed_chooses_the_latents(orl_faces: OrlFaces) -> None:
    g, d = build_gan(settings(), 32, SEED)
    grids = [gan_metrics(orl_faces.small, settings(), seed)(g, d, LOSSES)[1] for seed in (1, 2)]
    assert not torch.equal(*grids)


def test_samples_are_shown_beside_the_faces_that_they_copy(orl_faces: OrlFaces, unit: Tensor) -> None:
    """Also beside those that the rows of the table do not look at."""
    found = gan_metrics(orl_faces.small, settings(), count=20).neighbours(Copyist(unit[:90]))
    assert found.samples.shape == found.faces.shape == (2 * GRID, 3, 32, 32)
    assert (found.samples.int() - found.faces.int()).abs().max() <= 1
    assert found.copies == 1
    assert len(found.samples.unique(dim=0)) > GRID


def test_a_generator_of_strangers_copies_nobody(orl_faces: OrlFaces, unit: Tensor) -> None:
    found = gan_metrics(orl_faces.small, settings()).neighbours(Copyist(unit[90:]))
    assert found.copies < 0.2
    faces = torch.from_numpy(orl_faces.small[:90]).permute(0, 3, 1, 2).flatten(1)
    assert all((face.flatten() == faces).all(1).any() for face in found.faces), "neighbours are training faces"


def test_what_is_printed_says_how_far_it_is(orl_faces: OrlFaces, capsys: pytest.CaptureFixture[str]) -> None:
    gan_metrics(orl_faces.small, settings())(*build_gan(settings(), 32, SEED), LOSSES)
    printed = capsys.readouterr().err.strip()
    assert printed.startswith("gan: 50% of 64 images, d_loss 1.500, g_loss 0.500, kid_lite1 ")
    assert "\n" not in printed
