"""Quantisation: the file is smaller, and its threshold and AUC are its own."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unseen.core.calibration import Calibration
from unseen.core.errors import UserError
from unseen.detectors.shared.base import Detector
from unseen.detectors.shared.calibration import calibrate
from unseen.detectors.shared.settings import CalibrationSettings
from unseen.detectors.shared.views import View
from unseen.serve.onnx.check_faces import CheckFaces
from unseen.serve.onnx.graph import graph_of
from unseen.serve.onnx.int8 import calibrated, check_has_both, quantised, settings_of, spread
from unseen.serve.onnx.network import OnnxNetwork

SIDE = 32


class Bright(Detector):
    """The logit grows with the brightness of the picture's red channel."""

    def __init__(self) -> None:
        super().__init__()
        self.config = {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.convolution, self.linear = nn.Conv2d(3, 64, 5, stride=2), nn.Linear(64, 1)
        self.convolution.weight.data.abs_().mul_(torch.tensor([1.0, 0.01, 0.01])[:, None, None])
        self.linear.weight.data.abs_()

    def forward(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.linear(self.convolution(pixels.float() / 255 - 0.5).relu().mean((2, 3)))
        return found.flatten()


@pytest.fixture(scope="module")
def faces() -> CheckFaces:
    """Dark reals and bright fakes."""
    random = np.random.default_rng(0)
    level = np.concatenate([random.uniform(10, 120, 40), random.uniform(100, 200, 40)])
    crops = [np.full((SIDE, SIDE, 3), value) + random.integers(0, 50, (SIDE, SIDE, 3)) for value in level]
    return CheckFaces([crop.astype(np.uint8) for crop in crops], np.repeat([0, 1], 40), "faces", True)


def test_the_calibration_is_that_of_the_int8_graph(faces: CheckFaces) -> None:
    model = Bright()
    graph = graph_of(model, SIDE)
    small = quantised(graph, [faces.crops[place] for place in spread(faces.labels, 20)])  # type: ignore[arg-type]
    assert {node.op_type for node in small.graph.node} >= {"QuantizeLinear", "DequantizeLinear"}
    network = OnnxNetwork(small.SerializeToString(), View().as_dict())
    expected = OnnxNetwork(graph.SerializeToString(), View().as_dict()).logits(faces.crops)
    before = Calibration(1.0, 0.99, (0.0, 1.0), 0.05, {})
    found, facts = calibrated(network, faces, expected, before)
    logits = network.logits(faces.crops)
    assert 0 < facts["largest_difference"] == pytest.approx(np.abs(logits - expected).max())
    reals = found.score(logits[:40])
    assert (reals >= found.threshold).mean() == found.validation["fpr"] <= 0.05
    assert found.validation["tpr"] == (found.score(logits[40:]) >= found.threshold).mean()
    for name, values in (("auc", logits), ("auc_of_float32", expected)):
        above = np.sign(values[40:, None] - values[:40]).mean()
        assert facts[name] == pytest.approx((above + 1) / 2)
    assert facts["verdicts_changed"] > 0


def test_the_unsure_band_has_the_tail_of_the_detector(faces: CheckFaces) -> None:
    assert faces.labels is not None
    logits = np.where(faces.labels == 1, 1.0, -1.0) + np.random.default_rng(1).normal(0, 1.5, len(faces.labels))
    before = calibrate(logits, faces.labels, CalibrationSettings(max_fpr=0.2, unsure_tail=0.0625))
    assert settings_of(before) == CalibrationSettings(max_fpr=0.2, unsure_tail=0.0625)
    elsewhere = replace(before, unsure=(0.0, 0.001))  # a band of other faces
    assert settings_of(elsewhere).unsure_tail == 0.0625
    assert settings_of(replace(before, unsure_tail=None)).unsure_tail == CalibrationSettings().unsure_tail


def test_only_validation_faces_of_both_classes(faces: CheckFaces) -> None:
    for wrong in (
        CheckFaces(faces.crops, faces.labels, "pictures", False),
        CheckFaces(faces.crops, None, "pictures", True),
        CheckFaces(faces.crops[:40], np.zeros(40, np.int64), "reals", True),
    ):
        with pytest.raises(UserError, match="int8 needs real and fake validation faces"):
            check_has_both(wrong)


def test_faces_are_taken_from_both_classes() -> None:
    labels = np.repeat([0, 1], [100, 5])
    found = spread(labels, 20)
    assert [int(labels[found].sum()), len(found), len(set(found))] == [5, 15, 15]
    assert found[0] == 0
    assert found[9] == 99
