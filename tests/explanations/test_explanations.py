"""The decisions that are looked at, and the share of heat on the face."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from torch import Tensor, nn

from evaluation.made_up import columns
from evaluation.stored import write_faces
from unseen.core.calibration import Calibration
from unseen.core.settings import read_block
from unseen.core.yaml_text import read_yaml
from unseen.data.predictions import write_predictions
from unseen.data.shards import open_set
from unseen.detectors.shared.artifact import TrainedDetector
from unseen.detectors.shared.base import Detector
from unseen.explanations import neighbours
from unseen.explanations.explain import explain, framings
from unseen.explanations.explanations import (
    decisions,
    heat_shares,
    most_confident,
    outcome_groups,
    select_decisions,
    shares_inside,
)
from unseen.explanations.face_area import ellipse_in_crop, within
from unseen.explanations.settings import ExplanationSettings
from unseen.faces.settings import FaceSettings
from unseen.params.check import checked

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"
SIZE = 32


def test_the_ellipse_of_a_whole_crop_and_of_a_found_face_worked_by_hand() -> None:
    whole = ellipse_in_crop((16, 8, 48, 60), (0,) * 10, (64, 64), "whole", FaceSettings(), 32)
    assert whole == pytest.approx((16, 17, 8, 13))
    # eyes 40 apart at y 100, mouth 40 below: side 1.0 x max(80, 72) = 80, centre at (100, 114)
    landmarks = (80, 100, 120, 100, 100, 120, 85, 140, 115, 140)
    found = ellipse_in_crop((70, 74, 130, 164), landmarks, (300, 300), "found", FaceSettings(scale=1.0), 40)
    assert found == pytest.approx((20, 22.5, 15, 22.5))


def test_a_picture_that_is_not_square_is_cut_in_its_middle() -> None:
    assert ellipse_in_crop((40, 20, 60, 40), (0,) * 10, (100, 60), "whole", FaceSettings(), 60) == pytest.approx(
        (30, 30, 10, 10)
    )


def test_the_area_within_an_ellipse_is_pi_times_its_half_sides() -> None:
    mask = within((100, 80, 60, 40), 200)
    assert mask.sum() == pytest.approx(np.pi * 60 * 40, rel=0.005)
    assert mask[80, 41]
    assert not mask[80, 38]
    assert mask[41, 100]
    assert not mask[38, 100]


def test_the_share_of_heat_on_the_face_worked_by_hand() -> None:
    heats = np.zeros((3, 8, 8), np.float32)
    heats[0, 4, 4], heats[0, 0, 0] = 0.75, 0.25
    heats[1, 7, 7] = 1.0
    inside, area = shares_inside(heats, [(4, 4, 2, 2)] * 3)
    assert inside[:2].tolist() == [0.75, 0.0]
    assert np.isnan(inside[2])  # no heat at all
    assert area.tolist() == [12 / 64] * 3


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    """Reals at logits -4 to 1, fakes of a generator that is always caught."""
    folder = tmp_path / "predictions"
    people = [f"p{i // 2}" for i in range(6)]
    reals = columns(0, [-4, -3, -2, -2, 0.5, 1], people, "people")
    reals["source"] = ["people"] * 6
    write_predictions(folder / "reals.parquet", [reals])
    write_predictions(folder / "fakes.parquet", [columns(1, [4, 3, 3, 9], None, "fakes")])
    return folder


def test_selection_is_by_confidence_and_then_by_name(predictions: Path) -> None:
    frame = decisions(predictions, ["fakes", "reals"], 0.5, 4)
    assert outcome_groups(frame) == [
        ("people", "real", ["true_negative", "false_positive"]),
        ("gan", "fake", ["true_positive", "false_negative"]),
    ]

    def chosen(group: str, outcome: str, count: int) -> list[str]:
        return most_confident(frame, group, outcome, count)["id"].tolist()

    assert chosen("people", "true_negative", 3) == ["people/0", "people/1", "people/2"]
    assert chosen("people", "false_positive", 3) == ["people/5", "people/4"]
    assert chosen("gan", "true_positive", 3) == ["fakes/3", "fakes/0", "fakes/1"]
    assert chosen("gan", "false_negative", 3) == []
    shuffled = frame.sample(frac=1, random_state=1)
    assert select_decisions(shuffled, 3, 2) == select_decisions(frame, 3, 2)


def test_a_threshold_decides_what_is_wrong(predictions: Path) -> None:
    score = float(1 / (1 + np.exp(-3)))  # reached counts as fake
    outcomes = decisions(predictions, ["reals", "fakes"], score, 4)["outcome"]
    assert outcomes.value_counts().to_dict() == {"true_negative": 6, "true_positive": 4}
    outcomes = decisions(predictions, ["reals", "fakes"], score + 1e-9, 4)["outcome"]
    assert outcomes.value_counts().to_dict() == {"true_negative": 6, "true_positive": 2, "false_negative": 2}


def test_a_face_in_two_sets_counts_once(predictions: Path) -> None:
    (predictions / "again.parquet").write_bytes((predictions / "reals.parquet").read_bytes())
    assert len(decisions(predictions, ["reals", "again", "fakes"], 0.5, 4)) == 10


def measured(inside: dict[str, list[float]], area: float = 0.5) -> pd.DataFrame:
    rows = []
    for outcome, values in inside.items():
        label = int(outcome in ("true_positive", "false_negative"))
        for number, value in enumerate(values):
            rows.append(
                [f"{outcome}{number}", "gan" if label else "people", label, f"p{number}", outcome, value, area]
            )
    return pd.DataFrame(rows, columns=["id", "group", "label", "identity", "outcome", "inside", "area"])


def test_shares_by_outcome_worked_by_hand() -> None:
    frame = measured(
        {"true_positive": [0.8, 0.6, 0.7], "false_negative": [0.2, 0.4, np.nan], "true_negative": [0.5] * 4}
    )
    found = heat_shares(frame, frame, 4)
    true_positive = found["outcomes"]["true_positive"]
    assert true_positive["n"] == true_positive["people"] == 3
    assert true_positive["heat_inside"]["value"] == pytest.approx(0.7)
    assert (true_positive["heat_inside"]["low"], true_positive["heat_inside"]["high"]) == pytest.approx((0.6, 0.8))
    assert true_positive["heat_beyond_area"]["value"] == pytest.approx(0.2)
    missed = found["groups"]["gan"]["false_negative"]
    assert (missed["decisions"], missed["n"], missed["without_heat"]) == (3, 2, 1)
    fake = found["wrong_less_right"]["fake"]
    assert fake["value"] == pytest.approx(0.3 - 0.7)
    assert fake["high"] < 0  # wrong decisions look at the background
    assert found["wrong_less_right"]["real"] is None
    assert found["outcomes"]["false_positive"] == {"n": 0, "without_heat": 0}
    assert found == heat_shares(frame, frame, 4)


def test_the_interval_is_over_people_and_not_pictures() -> None:
    frame = measured({"true_positive": [0.9, 0.1] * 20})
    alone = heat_shares(frame, frame, 4)["outcomes"]["true_positive"]["heat_inside"]
    two = frame.assign(identity=["a", "b"] * 20)
    together = heat_shares(two, two, 4)["outcomes"]["true_positive"]["heat_inside"]
    assert alone["value"] == together["value"] == pytest.approx(0.5)
    assert alone["high"] - alone["low"] < 0.4
    assert (together["low"], together["high"]) == pytest.approx((0.1, 0.9))


def test_nearest_training_faces_come_first_and_of_the_train_split_alone(tmp_path: Path) -> None:
    levels = [10, 60, 120, 200]
    write_faces(tmp_path / "reals", "people", 0, [half(level) for level in levels], "train")
    write_faces(tmp_path / "other", "other", 0, [half(121)], "val")
    faces = neighbours.trained_on([open_set(tmp_path / "reals"), open_set(tmp_path / "other")], 100)
    assert len(faces) == 4

    def features(x: Tensor) -> Tensor:  # an angle of brightness
        angle = x.float().mean((1, 2, 3)) / 128
        return torch.stack([angle.cos(), angle.sin()], 1)

    (found,) = neighbours.nearest_faces(half(118)[None], faces, features)
    assert [one.id for one in found] == ["people/002.png", "people/001.png", "people/003.png"]
    assert found[0].similarity == pytest.approx(1, abs=1e-3)
    assert len(neighbours.trained_on([open_set(tmp_path / "reals")], 2)) == 2


def test_the_features_of_the_faces_to_search_are_computed_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_faces(tmp_path / "reals", "people", 0, [half(level) for level in (10, 60, 120)], "train")
    faces, file = neighbours.trained_on([open_set(tmp_path / "reals")], 100), tmp_path / "kept/features"
    seen: list[int] = []

    def features(x: Tensor) -> Tensor:
        seen.append(len(x))
        return x.float().flatten(1)

    found = [neighbours.nearest_faces(half(118)[None], faces, features, None, file) for _ in range(2)]
    assert seen == [1, 3, 1], "the face itself, the three to search, and the face again"
    assert [[one.id for one in near] for near in found[0]] == [[one.id for one in near] for near in found[1]]
    assert [one.similarity for one in found[0][0]] == [one.similarity for one in found[1][0]]
    damaged = bytearray(file.read_bytes())
    damaged[200] ^= 1
    file.write_bytes(damaged)
    again = neighbours.nearest_faces(half(118)[None], faces, features, None, file)
    assert seen[3:] == [1, 3]
    assert again[0][0].similarity == found[0][0][0].similarity
    assert "and the features are computed again" in capsys.readouterr().err


def half(level: int, size: int = SIZE) -> np.ndarray:
    pixels = np.full((size, size, 3), level, np.uint8)
    pixels[: size // 2] += 20
    return pixels


class Bright(Detector):
    """Light pictures are fakes."""

    def __init__(self) -> None:
        super().__init__()
        self.config = {}
        self.pool = nn.AvgPool2d(4)

    def forward(self, pixels: Tensor) -> Tensor:
        x = torch.relu(self.pool(pixels.float() - 100).requires_grad_())
        return x.mean((1, 2, 3)) / 10 - 1


def explained(tmp_path: Path, fakes: list[float]) -> Any:
    settings = ExplanationSettings(pictures=2, measured=3, weights="none", searched=10, spectra=5)
    write_faces(tmp_path / "sets/reals", "people", 0, [half(60 + i) for i in range(6)])
    write_faces(tmp_path / "sets/fakes", "fakes", 1, [half(150 + i) for i in range(4)])
    for name, label, logits in (("reals", 0, [-3.0] * 6), ("fakes", 1, fakes)):
        rows = columns(label, logits, None, "people" if name == "reals" else "fakes")
        rows["id"] = [f"{rows['set'][0]}/{number:03d}.png" for number in range(len(logits))]
        rows["source"] = rows["set"]
        write_predictions(tmp_path / "predictions" / f"{name}.parquet", [rows])
    faces = read_block(PARAMS, ["faces"], FaceSettings)
    calibration = Calibration.from_dict(
        {"temperature": 1.0, "threshold": 0.5, "unsure": [0.4, 0.6], "max_fpr": 0.05, "validation": {}}
    )
    detector = TrainedDetector("bright", Bright().eval(), calibration, faces, {"training_seed": 4}, tmp_path)
    folders = {"reals": "fakes/own/reals", "fakes": "fakes/own/fakes"}
    where = (tmp_path / "predictions", tmp_path / "sets", folders, [], Path("models/none"))
    return explain(detector, *where, settings, 4, tmp_path / "scratch")


def test_a_detector_is_explained_twice_with_the_same_bytes(tmp_path: Path) -> None:
    first, second = (explained(tmp_path, [5, 4, -1, -2]) for _ in range(2))
    assert first.heat == second.heat
    assert first.panels.tobytes() == second.panels.tobytes()
    assert first.heat["groups"]["gan"]["false_negative"]["decisions"] == 2
    assert first.heat["method"] in ("grad_cam", "occlusion")


def test_no_wrong_decision_at_all_is_a_row_that_says_so(tmp_path: Path) -> None:
    right = explained(tmp_path, [5, 4, 3, 2])
    assert right.heat["groups"]["gan"]["false_negative"] == {"decisions": 0, "n": 0, "without_heat": 0}
    assert right.heat["groups"]["gan"]["wrong_less_right"] is None
    assert len(right.nearest) == 0
    wrong = explained(tmp_path, [5, 4, -3, -2])
    assert wrong.panels.height > right.panels.height  # a row of pictures in place of a line


def test_what_an_own_gan_drew_is_a_crop_already() -> None:
    folders = {"a": "faces/people/orl", "b": "fakes/own/dcgan_fakes"}
    assert framings(folders) == {"a": "found", "b": "whole"}


def test_likeness_is_by_a_network_that_no_detector_is_made_of(tmp_path: Path) -> None:
    params = read_yaml(PARAMS)
    params["detectors"]["efficientnet_lite0"]["weights"] = "assets/efficientnet_lite1"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    said = "`explanations.weights` is 'assets/efficientnet_lite1', which `efficientnet_lite0` starts from"
    assert any(said in problem for problem in checked(tmp_path / "params.yaml").problems)
