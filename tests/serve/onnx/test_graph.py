"""A small network as a graph: logits at every batch size, the resize, the score, and weights in float16."""

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from unseen.core.errors import UserError
from unseen.detectors.shared.base import Detector, resized
from unseen.detectors.shared.views import View
from unseen.serve.onnx.graph import graph_of, with_half_weights, with_score
from unseen.serve.onnx.network import OnnxNetwork

SIDE, INPUT = 96, 64


class Small(Detector):
    """A resize that reduces, a convolution and a head with large weights; see `Backboned` for `ela`."""

    def __init__(self) -> None:
        super().__init__()
        self.config = {"ela": {"quality": 90, "scale": 10.0}}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.convolution, self.linear = nn.Conv2d(3, 8, 5, stride=4), nn.Linear(8, 1)
            self.linear.weight.data.mul_(10)

    def forward(self, pixels: Tensor) -> Tensor:
        if self.config["ela"]:
            raise AssertionError("error level analysis is not part of a graph")
        found: Tensor = self.linear(self.convolution(resized(pixels, INPUT) - 128).relu().amax((2, 3)))
        return found.flatten()


class Branching(Small):
    """A network that decides by the values of its pixels, which no graph can."""

    def forward(self, pixels: Tensor) -> Tensor:
        return super().forward(pixels) if pixels.float().mean().item() > 3 else pixels.float().mean((1, 2, 3))


@pytest.fixture(scope="module")
def graph() -> onnx.ModelProto:
    """The graph of `Small`. What the export has changed in the network must be put back."""
    model = Small()
    found = graph_of(model, SIDE)
    assert model.config["ela"]
    return found


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def expected(pixels: np.ndarray) -> np.ndarray:
    model = Small().eval()
    model.config = {"ela": None}
    with torch.inference_mode():
        return model(torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()


@pytest.mark.parametrize("count", [1, 2, 5, 33, 70])
def test_logits_are_those_of_pytorch(graph: onnx.ModelProto, count: int) -> None:
    pixels = pictures(count)
    network = OnnxNetwork(graph.SerializeToString(), View().as_dict())
    assert network.logits(list(pixels)) == pytest.approx(expected(pixels), abs=1e-3)
    assert np.ptp(expected(pictures(33))) > 10


def test_no_picture_has_no_logit(graph: onnx.ModelProto) -> None:
    assert OnnxNetwork(graph.SerializeToString(), View().as_dict()).logits([]).shape == (0,)


def test_logits_of_several_views_are_averaged(graph: onnx.ModelProto) -> None:
    crop = np.random.default_rng(0).integers(0, 256, (130, 130, 3), dtype=np.uint8)
    view = View("crop", SIDE, 5)
    network = OnnxNetwork(graph.SerializeToString(), view.as_dict())
    found = network.logits([crop, crop[:, ::-1]])
    assert found[0] == pytest.approx(expected(view.of_one(crop)).mean(), abs=1e-3)
    assert found[0] != pytest.approx(found[1], abs=1e-3)


def test_the_score_is_the_sigmoid_of_the_logit_over_the_temperature(graph: onnx.ModelProto) -> None:
    pixels = pictures(5)
    network = OnnxNetwork(with_score(graph, 40.0).SerializeToString(), View().as_dict())
    logits = network.logits(list(pixels))
    assert network.scores(pixels) == pytest.approx(1 / (1 + np.exp(-logits / 40)), abs=1e-6)
    assert logits == pytest.approx(expected(pixels), abs=1e-3)


def test_weights_in_float16_halve_the_file_and_hardly_change_the_logits(graph: onnx.ModelProto) -> None:
    half = with_half_weights(graph)
    assert len(half.SerializeToString()) < 0.6 * len(graph.SerializeToString())
    pixels = pictures(5)
    found = OnnxNetwork(half.SerializeToString(), View().as_dict()).logits(list(pixels))
    assert found == pytest.approx(expected(pixels), abs=1.0)
    assert found != pytest.approx(expected(pixels), abs=1e-5)


def test_weights_beyond_float16_stay_as_they_are(graph: onnx.ModelProto) -> None:
    large = onnx.ModelProto()
    large.CopyFrom(graph)
    (weight,) = (one for one in large.graph.initializer if len(one.dims) == 4)
    weight.CopyFrom(onnx.numpy_helper.from_array(1e6 * onnx.numpy_helper.to_array(weight), weight.name))
    half = with_half_weights(large)
    assert [one.data_type for one in half.graph.initializer if len(one.dims) == 4] == [onnx.TensorProto.FLOAT]


def test_a_network_that_cannot_be_exported_is_an_error_of_one_line() -> None:
    with pytest.raises(UserError, match="can't export this network to ONNX") as caught:
        graph_of(Branching(), SIDE)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
