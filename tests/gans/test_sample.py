"""Sets of fakes: samples of a generator are preprocessed like photos, and are counted."""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from faces_for_training import OrlFaces, bytes_below
from unseen.core.errors import UserError
from unseen.data.shards import open_set
from unseen.data.splits import SplitSettings, split_of
from unseen.faces.detect import FaceDetector
from unseen.faces.settings import FaceSettings
from unseen.gans.sampling.sample import sample_set
from unseen.gans.shared.artifact import TrainedGan
from unseen.gans.shared.networks import build_gan
from unseen.gans.shared.settings import FakeSettings

from .tiny import settings

SEED = 4
SPLITS = SplitSettings(seed=4, val=0.2, test=0.2)


class _Perfect(nn.Module):
    """A generator without a flaw: a real face for most latents, and grey for the others."""

    def __init__(self, faces: Tensor) -> None:
        super().__init__()
        self.faces = nn.Parameter(faces, requires_grad=False)

    def forward(self, latents: Tensor) -> Tensor:
        pictures = self.faces[(latents[:, 0].abs() * 1000).long() % len(self.faces)]
        return pictures * (latents[:, 1] < 0.5)[:, None, None, None]


@dataclass(frozen=True)
class PerfectGan(TrainedGan):
    """What no few training steps could give: samples in which a face is found."""

    faces: Tensor

    def network(self, which: str, snapshot: float = 1.0) -> nn.Module:
        return _Perfect(self.faces if snapshot == 1 else self.faces.flip(3))


@pytest.fixture
def gan(orl_faces: OrlFaces) -> PerfectGan:
    faces = torch.from_numpy(orl_faces.large).permute(0, 3, 1, 2) / 127.5 - 1
    return PerfectGan("perfect", settings(), 64, {}, {}, faces)


def draw(
    folder: Path,
    gan: TrainedGan,
    face_detector: FaceDetector,
    faces: FaceSettings,
    count: int,
    seed: int = SEED,
    snapshot: float = 1.0,
) -> dict[str, Any]:
    drawn = FakeSettings(group="own", use="train", gan="perfect", count=count, snapshot=snapshot)
    return sample_set(folder.name, drawn, {0: gan}, face_detector, faces, SPLITS, seed, folder)


def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / "part-00000.parquet").to_pylist()
    return found


def test_every_draw_is_kept_or_counted(
    tmp_path: Path, gan: PerfectGan, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    counts = draw(tmp_path / "fakes", gan, face_detector, face_settings, 30)
    assert counts["read"] == 30 == counts["kept"] + sum(counts["dropped"].values())
    assert list(counts["dropped"]) == ["no_face"]
    assert counts["dropped"]["no_face"] >= 3, "grey pictures have no face"
    assert counts["kept"] >= 10
    assert sum(counts["splits"].values()) == counts["kept"] == len(rows(tmp_path / "fakes"))
    assert open_set(tmp_path / "fakes").counts == counts
    dropped = (tmp_path / "fakes" / "dropped.csv").read_text().splitlines()[1:]
    kept = {row["image"]["path"] for row in rows(tmp_path / "fakes")}
    assert kept | {line.split(",")[0] for line in dropped} == {f"{number:06d}.png" for number in range(30)}


def test_columns_say_where_a_fake_comes_from(
    tmp_path: Path, gan: PerfectGan, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    draw(tmp_path / "fakes", gan, face_detector, face_settings, 12)
    found = rows(tmp_path / "fakes")
    for row in found:
        number = row["image"]["path"].removesuffix(".png")
        assert (row["label"], row["generator"], row["source"]) == (1, "perfect", "fakes")
        assert row["identity"] == f"fakes/{number}"
        assert row["id"] == f"fakes/{number}.png"
        assert row["split"] == split_of(row["identity"], SPLITS)
        assert (row["width"], row["height"]) == (64, 64)
        assert dict(row["original"])["format"] == "PNG"
        assert len(row["picture_dhash"]) == 64
    assert len({row["identity"] for row in found}) == len(found), "each fake is a person of its own"
    card = open_set(tmp_path / "fakes")
    assert (card.use, card.label) == ("train", 1)


def test_fakes_are_stored_as_photos_are(
    tmp_path: Path, gan: PerfectGan, face_detector: FaceDetector, face_settings: FaceSettings, orl_faces: OrlFaces
) -> None:
    draw(tmp_path / "fakes", gan, face_detector, face_settings, 8)
    for row in rows(tmp_path / "fakes"):
        picture = Image.open(io.BytesIO(row["image"]["bytes"]))
        assert (picture.format, picture.size) == ("JPEG", (face_settings.side,) * 2)
        away = np.abs(orl_faces.large.astype(float) - np.asarray(picture.convert("RGB"), float)).mean((1, 2, 3))
        assert away.min() < 6, "a whole sample is stored, neither cropped nor moved"


def test_same_bytes_twice_and_other_bytes_with_another_seed(
    tmp_path: Path, gan: PerfectGan, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    for part, seed in (("one", SEED), ("two", SEED), ("other", SEED + 1)):
        draw(tmp_path / part / "fakes", gan, face_detector, face_settings, 8, seed)
    assert bytes_below(tmp_path / "one") == bytes_below(tmp_path / "two")
    first, other = ({row["sha256"] for row in rows(tmp_path / part / "fakes")} for part in ("one", "other"))
    assert first != other


def test_the_networks_of_a_gan_draw_in_turn(
    tmp_path: Path, gan: PerfectGan, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    drawn = FakeSettings(group="own", use="train", gan="perfect", count=10)
    mirrored = replace(gan, faces=gan.faces.flip(3))
    for name, gans in (("both", {4: gan, 5: mirrored}), ("one", {4: gan}), ("other", {5: mirrored})):
        folder = tmp_path / name / "fakes"
        sample_set("fakes", drawn, gans, face_detector, face_settings, SPLITS, SEED, folder)
    both, one, other = (
        {row["image"]["path"]: row for row in rows(tmp_path / name / "fakes")} for name in ("both", "one", "other")
    )
    assert both
    for path, row in both.items():
        number = int(path.removesuffix(".png"))
        alone = (one, other)[number % 2][f"{number // 2:06d}.png"]
        assert row["sha256"] == alone["sha256"]
        assert dict(row["attributes"]) == {"training_seed": str(4 + number % 2)} == dict(alone["attributes"])


def test_ten_fakes_are_the_first_of_twenty(
    tmp_path: Path, gan: PerfectGan, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    ten, twenty = (tmp_path / part / "fakes" for part in ("ten", "twenty"))
    draw(ten, gan, face_detector, face_settings, 10)
    draw(twenty, gan, face_detector, face_settings, 20)
    assert rows(ten) == rows(twenty)[: len(rows(ten))]
    assert len(rows(ten)) < len(rows(twenty))


def test_more_than_a_batch_does_not_repeat_itself(
    tmp_path: Path,
    gan: PerfectGan,
    face_detector: FaceDetector,
    face_settings: FaceSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("unseen.gans.sampling.sample.BATCH", 4)
    draw(tmp_path / "fakes", gan, face_detector, face_settings, 10)
    found = rows(tmp_path / "fakes")
    assert max(int(row["image"]["path"][:6]) for row in found) >= 8
    assert len({row["sha256"] for row in found}) > len(found) / 2


def test_a_snapshots_fakes_are_not_those_of_the_end(
    tmp_path: Path, gan: PerfectGan, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    for part, snapshot in (("end", 1.0), ("half", 0.5)):
        draw(tmp_path / part / "fakes", gan, face_detector, face_settings, 6, snapshot=snapshot)
    end, half = (rows(tmp_path / part / "fakes") for part in ("end", "half"))
    assert end
    assert half
    assert not {row["sha256"] for row in end} & {row["sha256"] for row in half}


def test_a_gan_that_draws_no_face_is_one_line(
    tmp_path: Path, face_detector: FaceDetector, face_settings: FaceSettings
) -> None:
    g, d = build_gan(settings(), 64, seed=1)
    states = {"generator": g.state_dict(), "discriminator": d.state_dict()}
    untrained = TrainedGan("untrained", settings(), 64, states, {})
    with pytest.raises(UserError, match=r"`fakes`: no face was stored .*'no_face': 5") as error:
        draw(tmp_path / "fakes", untrained, face_detector, face_settings, 5)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
