"""The network as an ONNX graph. Tracing takes ten seconds and needs no weights: it is done once per architecture."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path, make_folder, user_cache
from sim2sg_core.model.model_config import ModelConfig
from sim2sg_core.model.network import Graphs, SceneGraphNetwork
from sim2sg_core.runtime.metadata import INPUT

OPSET = 18
DIGEST = hashlib.sha256().digest_size  # bytes before a graph in the cache


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
    """Returns the graph of a network of this architecture without weights, before constants are folded into it.

    It is kept in the user's cache; one that cannot be read or written is done without.
    """
    path = user_cache("graphs") / f"{_key(config)}.onnx"
    with contextlib.suppress(OSError):
        kept = path.read_bytes()
        if kept[:DIGEST] == hashlib.sha256(kept[DIGEST:]).digest():
            return kept[DIGEST:]
    graph = _trace(config)
    with contextlib.suppress(OSError, Sim2SGError):
        make_folder(path.parent)
        with atomic_path(path, durable=False) as temporary:
            temporary.write_bytes(hashlib.sha256(graph).digest() + graph)
    return graph


def _key(config: ModelConfig) -> str:
    """A digest of all that a trace comes from: architecture, code and exporter."""
    versions = [version(package) for package in ("torch", "onnx", "onnxscript", "onnx-ir")]
    digest = hashlib.sha256(json.dumps([dataclasses.asdict(config), OPSET, *versions], sort_keys=True).encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def _trace(config: ModelConfig) -> bytes:
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
    model, state = program.model_proto, network.state_dict()
    for weight in model.graph.initializer:
        if weight.name in state:
            weight.ClearField("raw_data")
    graph: bytes = model.SerializeToString()
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
