"""Weights that are stored in half precision: half the file, the same answers, and 8-bit models can be made of it."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from sim2sg_core.domains import load_domain
from sim2sg_core.model import ModelConfig, export_onnx
from sim2sg_core.model.network import build_network_from_config
from sim2sg_core.model.onnx_storage import widen_weights
from sim2sg_core.model.quantization import quantize
from sim2sg_core.runtime import Predictor
from tests.model.small_model import pictures


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same network, its weights stored in half and in single precision."""
    domain, folder = load_domain("clevr"), tmp_path_factory.mktemp("half")
    config = ModelConfig.from_domain(domain, backbone="small", width=96, height=64, channels=32)
    network = build_network_from_config(config, seed=2)
    torch.nn.init.normal_(network.heads.heat[-1].weight, std=0.3, generator=torch.Generator().manual_seed(0))
    half = export_onnx(network, domain, folder / "half.onnx", model_id="m", half=True)  # Rounds the network too.
    return half, export_onnx(network, domain, folder / "single.onnx", model_id="m")


def weights(path):
    model = onnx.load(path)
    widen_weights(model)
    return {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}, len(model.graph.node)


def test_the_file_is_half_as_large_and_holds_the_same(files):
    half, single = files
    assert half.stat().st_size < 0.65 * single.stat().st_size
    (stored, nodes), (whole, as_many) = weights(half), weights(single)
    assert nodes == as_many and stored.keys() == whole.keys()
    for name, values in whole.items():
        np.testing.assert_array_equal(stored[name], values)
        assert stored[name].dtype == values.dtype


def test_it_answers_alike(files):
    half, single = (Predictor(file, threads=1) for file in files)
    for image in pictures(2):
        assert half.predict(image).to_json() == single.predict(image).to_json()


def test_an_8_bit_model_can_be_made_of_it(files, tmp_path):
    half, single = (quantize(file, pictures(3), tmp_path / f"{file.stem}_int8.onnx") for file in files)
    assert half.convolutions == single.convolutions
    for image in pictures(2):
        answers = [Predictor(made.path, threads=1).predict(image).to_json() for made in (half, single)]
        assert answers[0] == answers[1]
