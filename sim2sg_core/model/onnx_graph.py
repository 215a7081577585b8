"""The network as an ONNX graph. Tracing takes long and needs no weights: it is done once per architecture."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch

from sim2sg_core.model.model_config import ModelConfig
from sim2sg_core.model.network import Graphs, SceneGraphNetwork
from sim2sg_core.runtime.metadata import INPUT

OPSET = 18


def onnx_graph(network: SceneGraphNetwork) -> Any:
    """Returns an onnx.ModelProto that computes what the network does in evaluation, without metadata.

    Args:
        network: Its mode and device are left alone.
    """
    import onnx
    import onnx_ir

    model = onnx.ModelProto.FromString(_traced(network.config))
    state = network.state_dict()
    for weight in model.graph.initializer:
        if (values := state.pop(weight.name, None)) is not None:
            weight.CopyFrom(onnx.numpy_helper.from_array(values.cpu().numpy(), weight.name))
    assert not state, f"no initializers: {sorted(state)}"
    with _quiet():
        program = torch.onnx.ONNXProgram(onnx_ir.from_proto(model), None)
        program.optimize()
        return program.model_proto


@lru_cache(maxsize=1)
def _traced(config: ModelConfig) -> bytes:
    """Returns the graph of a network of this architecture, with any weights, before constants are folded into it."""
    with torch.random.fork_rng(devices=[]):
        network = SceneGraphNetwork(config).eval()
    # Two images: a batch of one would be taken for a constant.
    sample = torch.zeros(2, config.height, config.width, 3, dtype=torch.uint8)
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            network,
            (sample,),
            input_names=[INPUT],
            output_names=list(Graphs._fields),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1024)},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            optimize=False,
        )
    assert program is not None
    graph: bytes = program.model_proto.SerializeToString()
    return graph


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the exporter's chatter from the user's screen."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
