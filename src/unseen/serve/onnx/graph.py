"""Convert the network of a detector to an ONNX graph, from uint8 crops to logits. Imports torch and onnx."""

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from unseen.core.errors import UserError
from unseen.detectors.shared.base import Detector

OPSET = 20
"""ONNX opset of the graphs; ONNX Runtime 1.17 and later read it."""

PIXELS, LOGIT, SCORE = "pixels", "logit", "score"
"""Names of the input, uint8 [batch, side, side, 3], and of the outputs, float32 [batch]."""

MOST_PICTURES = 1024
"""Maximum batch size that is declared to the exporter. The graph itself has no such limit."""

HALF_FROM = 256
"""Weights with fewer values stay float32. They are biases and norms, and converting them would save nothing."""


class _FromStoredPixels(nn.Module):
    """A detector with the input uint8 [n, s, s, 3], the memory layout of pictures."""

    def __init__(self, model: Detector) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits float32 [n]."""
        logits: Tensor = self.model(pixels.permute(0, 3, 1, 2))
        return logits.float()


def _interpolation(before: int, after: int) -> np.ndarray[Any, Any]:
    """Compute the matrix [after, before] of PyTorch's antialiased bilinear resize of one axis."""
    columns = torch.eye(before)[None, None]
    rows = functional.interpolate(columns, (after, before), mode="bilinear", align_corners=False, antialias=True)
    return np.ascontiguousarray(rows[0, 0].numpy())


def _antialiased(x: Any, output_size: Any, align_corners: bool = False, *_: Any) -> Any:
    """Translate PyTorch's antialiased bilinear resize to two matrix products.

    ONNX Runtime's own antialiased `Resize` differs from PyTorch by up to 11 of 255 grey levels when downscaling.
    """
    from onnxscript import opset20 as operators

    if align_corners:
        raise ValueError("an antialiased resize with aligned corners")
    height, width = (int(side) for side in output_size)
    down = numpy_helper.from_array(_interpolation(int(x.shape[2]), height))
    across = numpy_helper.from_array(np.ascontiguousarray(_interpolation(int(x.shape[3]), width).T))
    return operators.MatMul(operators.MatMul(operators.Constant(value=down), x), operators.Constant(value=across))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hide the messages of the exporter and the quantiser."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def graph_of(model: Detector, side: int) -> onnx.ModelProto:
    """Export the graph from `PIXELS` to `LOGIT`, with a dynamic batch size and a fixed side.

    Error level analysis is not part of the graph. If the detector uses it, the input is the error level picture.

    Args:
        model: a detector on the CPU.
        side: side of the input in pixels, after the detector's view.

    Raises:
        UserError: the package for exports is missing, or the exporter can't translate the network.
    """
    if importlib.util.find_spec("onnxscript") is None:
        raise UserError("an export needs onnxscript: `pip install -e '.[onnx]'`")
    resize = torch.ops.aten._upsample_bilinear2d_aa
    config = model.config
    model.config = {**config, "ela": None} if config.get("ela") else config
    try:
        with quiet(), torch.no_grad():
            program = torch.onnx.export(
                _FromStoredPixels(model).eval(),
                # two rows, because with one the exporter would fix the batch size
                (torch.zeros(2, side, side, 3, dtype=torch.uint8),),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=MOST_PICTURES)},),
                input_names=[PIXELS],
                output_names=[LOGIT],
                opset_version=OPSET,
                custom_translation_table={resize.default: _antialiased, resize.vec: _antialiased},
                verbose=False,
            )
    except Exception as error:  # the exporter raises many types
        what = " ".join(str(error.__cause__ or error).split())[:150]
        raise UserError(f"PyTorch can't export this network to ONNX: {type(error).__name__}: {what}") from error
    finally:
        model.config = config
    assert program is not None
    return program.model_proto


def with_score(graph: onnx.ModelProto, temperature: float) -> onnx.ModelProto:
    """Return a copy of a graph with the output `SCORE`, the sigmoid of the logit divided by the temperature, in
    float32."""
    found = onnx.ModelProto()
    found.CopyFrom(graph)
    found.graph.initializer.append(helper.make_tensor("temperature", TensorProto.FLOAT, [], [temperature]))
    found.graph.node.append(helper.make_node("Div", [LOGIT, "temperature"], ["calibrated_logit"], "calibrated_logit"))
    found.graph.node.append(helper.make_node("Sigmoid", ["calibrated_logit"], [SCORE], SCORE))
    found.graph.output.append(helper.make_tensor_value_info(SCORE, TensorProto.FLOAT, ["batch"]))
    onnx.checker.check_model(found)
    return found


def with_half_weights(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a graph with weights in float16, which halves the file. It computes in float32.

    ONNX Runtime converts the weights once, when it opens the file. Weights outside the range of float16 stay float32.
    """
    found = onnx.ModelProto()
    found.CopyFrom(graph)
    casts = []
    for weight in found.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype not in (np.float32, np.float64) or values.size < HALF_FROM:
            continue
        if np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name, kind = weight.name, weight.data_type
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_float16"))
        casts.append(helper.make_node("Cast", [weight.name], [name], f"{name}_cast", to=kind))
    nodes = [*casts, *found.graph.node]
    del found.graph.node[:]
    found.graph.node.extend(nodes)
    onnx.checker.check_model(found)
    return found
