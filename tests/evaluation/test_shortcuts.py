"""The audit finds what the road must not leave behind, names it, and fails for training pairs alone."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from faces_for_training import OrlFaces, encoded, stored, upsampled
from unseen.evaluation.shortcuts import (
    audit,
    category_auc,
    file_properties,
    grid_phase,
    number_auc,
    picture_properties,
)
from unseen.pictures import Pixels
from unseen.shards import FaceSet

MAX_AUC = 0.55


def road(pixels: Pixels, seed: int, low: int = 75, high: int = 95, **options: Any) -> list[bytes]:
    """Faces as the road encodes them, or with another option."""
    qualities = np.random.default_rng(seed).integers(low, high + 1, len(pixels))
    options = {"subsampling": "4:2:0"} | options
    return [encoded(face, quality=int(q), **options) for face, q in zip(pixels, qualities, strict=True)]


def store(folder: Path, files: list[bytes], generator: str = "", use: str = "train") -> FaceSet:
    people = [str(number) for number in range(len(files))]
    return stored(folder, files, people, ["train"] * len(files), use, generator)


@pytest.fixture
def reals(orl_faces: OrlFaces, tmp_path: Path) -> FaceSet:
    return store(tmp_path / "orl", road(orl_faces.small, 1))


def test_one_road_leaves_no_trace_in_the_file(orl_faces: OrlFaces, reals: FaceSet, tmp_path: Path) -> None:
    fakes = store(tmp_path / "gan", road(upsampled(orl_faces.small), 2), "gan")
    found = audit([reals, fakes], MAX_AUC)
    assert found["failed"] == []
    pair = found["pairs"]["orl / gan"]
    assert pair["trains"]
    assert pair["separated_by"] == []
    assert max(value["low"] for value in pair["file"].values()) <= 0.5
    assert pair["picture"]["sharpness"]["auc"] > 0.6, "what a picture looks like is reported, and fails nothing"


def as_png(pixels: Pixels) -> list[bytes]:
    return [encoded(face, "PNG") for face in pixels]


def in_lower_quality(pixels: Pixels) -> list[bytes]:
    return road(pixels, 2, 50, 70)


def in_other_subsampling(pixels: Pixels) -> list[bytes]:
    return road(pixels, 2, subsampling="4:4:4")


def smaller(pixels: Pixels) -> list[bytes]:
    return road(pixels[:, :24, :24], 2)


def with_a_comment(pixels: Pixels) -> list[bytes]:
    return road(pixels, 2, comment=b"drawn by a GAN")


def progressive(pixels: Pixels) -> list[bytes]:
    return road(pixels, 2, progressive=True)


def grey(pixels: Pixels) -> list[bytes]:
    files = []
    for face in pixels:
        buffer = io.BytesIO()
        Image.fromarray(face).convert("L").save(buffer, "JPEG", quality=90)
        files.append(buffer.getvalue())
    return files


@pytest.mark.parametrize(
    ("spoiled", "named"),
    [
        (as_png, {"format", "tables", "subsampling", "block_grid"}),
        (in_lower_quality, {"tables"}),
        (in_other_subsampling, {"subsampling", "block_grid"}),
        (smaller, {"size"}),
        (with_a_comment, {"metadata"}),
        (progressive, {"metadata"}),
        (grey, {"mode"}),
    ],
)
def test_another_road_for_fakes_is_named_and_fails(
    orl_faces: OrlFaces, reals: FaceSet, tmp_path: Path, spoiled: Any, named: set[str]
) -> None:
    found = audit([reals, store(tmp_path / "gan", spoiled(orl_faces.small), "gan")], MAX_AUC)
    separated = set(found["pairs"]["orl / gan"]["separated_by"])
    assert named <= separated
    if not named & {"format", "mode"}:  # which change everything
        assert named == separated
    assert found["failed"] == ["orl / gan"]


def test_another_density_in_the_header_fails(orl_faces: OrlFaces, reals: FaceSet, tmp_path: Path) -> None:
    fakes = store(tmp_path / "gan", road(orl_faces.small, 2, dpi=(300, 300)), "gan")
    assert audit([reals, fakes], MAX_AUC)["failed"] == ["orl / gan"]


def test_a_trace_in_a_third_of_the_fakes_is_found(orl_faces: OrlFaces, reals: FaceSet, tmp_path: Path) -> None:
    files = with_a_comment(orl_faces.small[:40]) + road(orl_faces.small[40:], 3)
    found = audit([reals, store(tmp_path / "gan", files, "gan")], MAX_AUC)
    assert found["pairs"]["orl / gan"]["separated_by"] == ["metadata"]


def test_only_training_pairs_fail(orl_faces: OrlFaces, reals: FaceSet, tmp_path: Path) -> None:
    fakes = store(tmp_path / "gan", as_png(orl_faces.small), "gan")
    held_out = store(tmp_path / "unseen", as_png(orl_faces.small), "other", "held_out")
    other_reals = store(tmp_path / "chicago", road(orl_faces.small, 4), use="held_out")
    found = audit([reals, fakes, held_out, other_reals], MAX_AUC)
    assert set(found["pairs"]) == {"orl / gan", "orl / unseen", "chicago / gan", "chicago / unseen"}
    assert all(pair["separated_by"] for pair in found["pairs"].values())
    assert [name for name, pair in found["pairs"].items() if pair["trains"]] == ["orl / gan"]
    assert found["failed"] == ["orl / gan"]


def test_the_limit_decides(orl_faces: OrlFaces, reals: FaceSet, tmp_path: Path) -> None:
    files = with_a_comment(orl_faces.small[:60]) + road(orl_faces.small[60:], 3)
    sets = [reals, store(tmp_path / "gan", files, "gan")]
    low = audit(sets, MAX_AUC)["pairs"]["orl / gan"]["file"]["metadata"]["low"]
    assert MAX_AUC < low < 0.75
    assert audit(sets, low - 0.001)["failed"] == ["orl / gan"]
    assert audit(sets, low + 0.001)["failed"] == []


def test_a_large_set_is_looked_at_all_over(
    orl_faces: OrlFaces, reals: FaceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unseen.evaluation.shortcuts.LIMIT", 30)
    files = road(orl_faces.small[:60], 2) + as_png(orl_faces.small[60:])
    found = audit([reals, store(tmp_path / "gan", files, "gan")], MAX_AUC)["pairs"]["orl / gan"]
    assert "format" in found["separated_by"]
    assert found["file"]["format"]["auc"] == pytest.approx(0.75, abs=0.05), "half of 30, spread over all 120"


def test_a_set_of_one_face_is_passed_over(orl_faces: OrlFaces, reals: FaceSet, tmp_path: Path) -> None:
    fakes = store(tmp_path / "gan", road(orl_faces.small[:1], 2), "gan")
    assert audit([reals, fakes], MAX_AUC) == {"pairs": {}, "failed": []}


@pytest.mark.parametrize(("right", "down"), [(0, 0), (3, 5), (7, 1)])
@pytest.mark.parametrize("quality", [20, 50])
def test_grid_phase_finds_the_grid_of_an_earlier_jpeg(
    orl_faces: OrlFaces, quality: int, right: int, down: int
) -> None:
    found = []
    for face in orl_faces.large:
        larger = np.asarray(Image.fromarray(face).resize((80, 80)))
        once = np.asarray(Image.open(io.BytesIO(encoded(larger, quality=quality))))
        found.append(grid_phase(encoded(once[down : down + 64, right : right + 64], "PNG")))
    assert found.count(f"{-right % 8},{-down % 8}") > 0.9 * len(found)


def test_a_shifted_grid_shows_in_the_pictures_and_not_in_the_files(
    orl_faces: OrlFaces, reals: FaceSet, tmp_path: Path
) -> None:
    larger = np.stack([np.asarray(Image.fromarray(face).resize((48, 48))) for face in orl_faces.small])
    once = np.stack([np.asarray(Image.open(io.BytesIO(encoded(face, quality=15)))) for face in larger])
    fakes = store(tmp_path / "gan", road(once[:, 3:35, 3:35], 2), "gan")
    pair = audit([reals, fakes], MAX_AUC)["pairs"]["orl / gan"]
    assert pair["picture"]["grid_in_pixels"]["low"] > 0.6
    assert pair["separated_by"] == []


def test_random_categories_stay_near_a_half() -> None:
    aucs = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        labels = np.repeat([0, 1], 100)
        values = [str(value) for value in random.integers(1 + seed % 20 + 1, size=200)]
        aucs.append(category_auc(values, labels)["auc"])
    assert 0.45 < np.mean(aucs) < 0.52
    assert max(aucs) < 0.65


def test_category_auc_of_one_category_is_a_half_and_of_two_pure_ones_is_one() -> None:
    labels = np.repeat([0, 1], 20)
    assert category_auc(["same"] * 40, labels)["auc"] == 0.5
    assert category_auc(["a"] * 20 + ["b"] * 20, labels) == {"auc": 1.0, "low": 1.0, "high": 1.0}
    assert category_auc(["b"] * 20 + ["a"] * 20, labels)["auc"] == 1.0, "the names are no matter"


def test_a_category_of_its_own_for_everybody_tells_nothing() -> None:
    labels = np.repeat([0, 1], 50)
    assert category_auc([str(number) for number in range(100)], labels)["low"] <= 0.5


def test_number_auc_takes_either_end() -> None:
    labels = np.repeat([0, 1], 4)
    rising = [1.0, 2.0, 3.0, 5.0, 4.0, 6.0, 7.0, 8.0]
    assert number_auc(rising, labels)["auc"] == number_auc([-value for value in rising], labels)["auc"] == 15 / 16


def test_interval_is_hanleys_and_mcneils_by_hand() -> None:
    labels = np.repeat([0, 1], [3, 2])
    found = number_auc([1.0, 2.0, 4.0, 3.0, 5.0], labels)  # 5 of 6 pairs in order
    auc = 5 / 6
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    error = ((auc * (1 - auc) + (q1 - auc**2) + 2 * (q2 - auc**2)) / 6) ** 0.5
    assert found["auc"] == pytest.approx(auc)
    assert found["low"] == pytest.approx(auc - 1.96 * error)
    assert found["high"] == 1.0


def test_file_properties_of_a_plain_jpeg(orl_faces: OrlFaces) -> None:
    plain = file_properties(encoded(orl_faces.small[0], quality=90, subsampling="4:2:0"))
    assert (plain["format"], plain["size"], plain["mode"]) == ("JPEG", "32x32", "RGB")
    assert plain["metadata"] == ""
    note = PngImagePlugin.PngInfo()
    note.add_text("parameters", "a portrait")
    assert file_properties(encoded(orl_faces.small[0], "PNG", pnginfo=note))["metadata"] == "parameters"


def test_picture_properties_measure_what_they_say(orl_faces: OrlFaces) -> None:
    face = orl_faces.small[0]
    plain = picture_properties(encoded(face, "PNG"))
    assert plain["brightness"] == pytest.approx(face.mean(), abs=0.01)
    assert plain["colour"] == 0
    red = face.copy()
    red[..., 1:] = 0
    assert picture_properties(encoded(red, "PNG"))["colour"] > 50
    blurred = np.asarray(Image.fromarray(face).resize((8, 8)).resize((32, 32)))
    soft = picture_properties(encoded(blurred, "PNG"))
    assert soft["sharpness"] < plain["sharpness"]
    assert soft["bytes_at_q90"] < plain["bytes_at_q90"]
    assert picture_properties(encoded(face // 2, "PNG"))["contrast"] == pytest.approx(plain["contrast"] / 2, rel=0.05)
