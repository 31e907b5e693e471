"""Spectra have their peaks where the pictures' waves are, and each source its own."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.stored import write_faces
from unseen.audit.spectra import at_side, chart, log_power, mean_spectra, profiles, radial

SIZE = 64


def wave(cycles: float, across: bool = True) -> np.ndarray:
    place = np.arange(SIZE) + 0.5
    line = 128 + 100 * np.sin(2 * np.pi * cycles * place / SIZE)
    grey = np.tile(line, (SIZE, 1)) if across else np.tile(line[:, None], (1, SIZE))
    return np.repeat(grey.round().astype(np.uint8)[..., None], 3, 2)


@pytest.mark.parametrize("cycles", [5, 16, 27])
def test_a_wave_has_its_peak_at_its_frequency(cycles: int) -> None:
    across = log_power(wave(cycles)[None])[0]
    assert np.unravel_index(across.argmax(), across.shape)[0] == SIZE // 2
    assert abs(int(across.argmax()) % SIZE - SIZE // 2) == cycles
    down = log_power(wave(cycles, across=False)[None])[0]
    assert abs(int(down.argmax()) // SIZE - SIZE // 2) == cycles
    profile = radial(10**across)
    assert profile["frequency"][profile["log_power"].argmax()] == cycles / SIZE


def test_noise_has_its_variance_as_power_at_all_frequencies_and_at_any_size() -> None:
    random = np.random.default_rng(0)
    for size in (32, 64):
        grey = random.normal(128, 10, (200, size, size, 1)).round().clip(0, 255).astype(np.uint8).repeat(3, 3)
        power = (10 ** log_power(grey)).mean(0)
        assert power[4:-4, size // 2 + 4 : -1].mean() == pytest.approx(100, rel=0.03)


def test_a_flat_picture_has_no_power_but_the_floor() -> None:
    assert log_power(np.full((1, SIZE, SIZE, 3), 77, np.uint8)).max() == pytest.approx(-3)


def test_the_profile_is_the_mean_over_rings_worked_by_hand() -> None:
    spectrum = np.arange(16.0).reshape(4, 4)  # frequency 0 at row 2, column 2
    profile = radial(spectrum)
    ring_1 = [5, 6, 7, 9, 11, 13, 14, 15]  # distances 1 and 1.41 round to 1
    ring_2 = [0 * 4 + 2, 2 * 4 + 0, 0 * 4 + 1, 0 * 4 + 3, 4, 12]  # 2 and 2.24; the corner, at 2.83, is beyond
    assert profile["frequency"].tolist() == [0.25, 0.5]
    assert profile["log_power"].tolist() == [np.mean(ring_1), np.mean(ring_2)]


def test_sources_and_generators_are_told_apart_and_each_face_counts_once(tmp_path: Path) -> None:
    reals, fakes = [wave(5)] * 3, [wave(20)] * 4
    write_faces(tmp_path / "reals", "people", 0, reals)
    write_faces(tmp_path / "again", "people", 0, reals)
    write_faces(tmp_path / "fakes", "fakes", 1, fakes)
    folders = [tmp_path / "fakes", tmp_path / "reals", tmp_path / "again"]
    spectra = mean_spectra(folders, 100)
    assert {key: number for key, (_, number) in spectra.items()} == {("people", "real"): 3, ("gan", "fake"): 4}
    assert next(iter(spectra)) == ("people", "real")
    for (_, (spectrum, _)), cycles in zip(spectra.items(), (5, 20), strict=True):
        assert abs(int(spectrum.argmax()) % SIZE - SIZE // 2) == cycles
    table = profiles(spectra)
    assert table.groupby("name")["pictures"].first().to_dict() == {"people": 3, "gan": 4}
    assert len(table) == 2 * SIZE // 2
    assert {number for _, number in mean_spectra(folders, 2).values()} == {2}
    files = []
    for name in ("a.png", "b.png"):
        chart(spectra).savefig(tmp_path / name, metadata={"Software": None})
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
    assert Image.open(tmp_path / "a.png").width >= 640


@pytest.mark.parametrize("size", [64, 96, 200])
def test_a_spectrum_at_another_side_keeps_its_frequencies(size: int) -> None:
    wave = 127 + 100 * np.sin(2 * np.pi * 0.25 * np.arange(size))
    pixels = np.broadcast_to(wave[None, :, None], (size, size, 3)).astype(np.uint8)
    spectrum = at_side(log_power(pixels[None])[0], 128)
    assert spectrum.shape == (128, 128)
    row, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
    assert row == 64
    assert abs(column - 64) == 32
