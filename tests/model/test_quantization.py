"""8-bit models: what is in 8 bits, how near they come, and what is refused."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.model.quantization import OPERATORS, backbone_nodes, quantize
from sim2sg_core.runtime import Predictor, load_info, onnx_file
from sim2sg_core.runtime.cpu import saturates
from sim2sg_core.runtime.metadata import ONNX_IR, OUTPUTS
from sim2sg_core.runtime.preprocessing import letterbox
from sim2sg_core.runtime.providers import open_session
from tests.model.small_model import HEIGHT, OBJECTS, WIDTH, pictures, small_model
from tests.runtime.constant_model import empty_outputs, write_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("quantization")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory)


@pytest.fixture(scope="module")
def made(model, folder):
    return quantize(model, pictures(6), folder / "int8.onnx")


@pytest.fixture(scope="module")
def wide(model, folder):
    """The model with weights of 8 bits."""
    return quantize(model, pictures(6), folder / "wide.onnx", weight_bits=8)


def producers(graph) -> dict[str, onnx.NodeProto]:
    return {name: node for node in graph.node for name in node.output}


def behind(graph, start: str) -> list[onnx.NodeProto]:
    """All nodes that depend on a tensor; nodes are in topological order."""
    reached, found = {start}, []
    for node in graph.node:
        if reached.intersection(node.input):
            found.append(node)
            reached.update(node.output)
    return found


def head_outputs(graph) -> list[str]:
    """Outputs of the convolutions that stay float: the heat map, and what each cell says of its object."""
    chosen = {node.name for node in backbone_nodes(graph)}
    return [node.output[0] for node in graph.node if node.op_type == "Conv" and node.name not in chosen]


def test_convolutions_up_to_the_heads_have_8_bit_weights(model, made):
    before, after = onnx.load(model).graph, onnx.load(made.path).graph
    source, weights = producers(after), {item.name: item for item in after.initializer}
    heads = head_outputs(before)
    assert len(heads) == 2
    kinds = []
    for node in (n for n in after.node if n.op_type == "Conv"):
        if node.output[0] in heads:
            assert weights[node.input[1]].data_type == onnx.TensorProto.FLOAT
            continue
        for index, kind in ((0, onnx.TensorProto.UINT8), (1, onnx.TensorProto.INT8)):
            read = source[node.input[index]]
            assert read.op_type == "DequantizeLinear"
            zero = weights[read.input[2]]
            assert zero.data_type == kind
            kinds.append(kind)
        channels = numpy_helper.to_array(weights[source[node.input[1]].input[1]])
        assert len(channels) == weights[source[node.input[1]].input[0]].dims[0], "one scale for each output channel"
    assert len(kinds) == 2 * made.convolutions > 20


def test_behind_the_peaks_all_is_as_it_was(model, made):
    before, after = onnx.load(model).graph, onnx.load(made.path).graph
    [peaks] = [node for node in before.node if node.op_type == "MaxPool"]
    was, now = (behind(graph, peaks.output[0]) for graph in (before, after))
    assert sorted(node.op_type for node in now) == sorted(node.op_type for node in was)
    for name in head_outputs(before):
        assert not {n.op_type for n in behind(after, name)} & {"QuantizeLinear", "DequantizeLinear"}
    assert {node.op_type for node in after.node} - {node.op_type for node in before.node} <= {
        "QuantizeLinear",
        "DequantizeLinear",
    }


def with_maps(path: Path, names: list[str], folder: Path) -> Path:
    """Writes a model that gives out its dense maps too."""
    proto = onnx.load(path)
    proto.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    onnx.save(proto, folder / f"maps-{path.name}")
    return folder / f"maps-{path.name}"


def plain_session(path: Path) -> onnxruntime.InferenceSession:
    """Opens a model with onnxruntime's own settings."""
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def float_session(path: Path) -> onnxruntime.InferenceSession:
    """Opens a model that computes in floats with the quantised values: integer kernels come with the optimisations."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def runtime_session(path: Path) -> onnxruntime.InferenceSession:
    return open_session(path, "cpu", threads=1)[0]


@pytest.fixture(scope="module")
def error(model, made, wide, folder):
    """How far apart two sessions are, on frames that calibrated nothing.

    The objects are made of the dense maps by the same float code. The error of each channel is relative to its spread.
    """
    names = head_outputs(onnx.load(model).graph)
    files = {"float": model, "7": made.path, "8": wide.path}
    files = {name: with_maps(path, names, folder) for name, path in files.items()}
    images = np.stack(pictures(9)[6:])

    def measure(one, other) -> np.ndarray:
        found, wanted = (open_(files[name]).run(names, {"image": images}) for name, open_ in (one, other))
        assert all(array.shape[2:] == (HEIGHT // 4, WIDTH // 4) for array in wanted)
        errors = [np.sqrt(((a - b) ** 2).mean(axis=(0, 2, 3))) / b.std(axis=(0, 2, 3)) for a, b in zip(found, wanted)]
        return np.concatenate(errors)

    return measure


@pytest.mark.parametrize("bits", ["7", "8"])
def test_heads_come_near_those_of_the_float_model(error, bits):
    """On every CPU, with either weights, as the runtime opens it."""
    found = error((bits, runtime_session), ("float", plain_session))
    assert (found > 0).all() and (found < 0.2).all(), found


KERNEL_ERROR = 0.02
"""Well below the error of quantisation, about 0.13, and that of saturation, about 0.4; measured: 0."""


@pytest.mark.parametrize("bits", ["7", "8"])
def test_integers_are_added_exactly(error, bits):
    """The runtime's kernels give what float arithmetic gives, which does not saturate."""
    found = error((bits, runtime_session), (bits, float_session))
    assert (found < KERNEL_ERROR).all(), found


def test_7_bits_are_exact_without_the_runtimes_settings(error):
    found = error(("7", plain_session), ("7", float_session))
    assert (found < KERNEL_ERROR).all(), found


@pytest.mark.skipif(saturates() is None, reason="this platform does not tell whether its CPU has VNNI")
def test_the_cpus_flags_foretell_what_its_kernels_do(error):
    found = error(("8", plain_session), ("8", float_session))
    assert ((found > 5 * KERNEL_ERROR) if saturates() else (found < KERNEL_ERROR)).all(), found


def test_metadata_is_kept(model, made):
    before, after = ({p.key: p.value for p in onnx.load(path).metadata_props} for path in (model, made.path))
    assert after == before | {"model_id": "small-int8", "quantized": "int8", "weight_bits": "7"}
    assert made.model_id == load_info(made.path).model_id == "small-int8"
    assert (load_info(model).quantized, load_info(made.path).quantized) == ("", "int8")
    assert (load_info(model).weight_bits, load_info(made.path).weight_bits) == (32, 7)
    assert (made.frames, made.weight_bits) == (6, 7)
    assert made.path.stat().st_size < 0.5 * model.stat().st_size
    assert not [path for path in made.path.parent.iterdir() if path.name.startswith(".")], "no temporary files"
    found = onnx_file.read_onnx_file(made.path)
    assert found.ir_version == ONNX_IR and found.operators <= onnx_file.OPERATORS


def test_the_predictor_runs_it_on_the_cpu(model, made):
    images = pictures(3, 480, 320)
    ours, theirs = Predictor(model, "cpu", threads=1), Predictor(made.path, threads=1)
    assert theirs.info.provider == "cpu"
    batch = theirs.predict_batch(images)
    for image, together in zip(images, batch):
        alone, wanted = theirs.predict(image), ours.predict(image)
        np.testing.assert_allclose(alone.scores(), together.scores(), atol=1e-5)
        assert len(alone.objects) == OBJECTS and alone.relations and alone.objects[0].pose is not None
        np.testing.assert_allclose(alone.scores(), wanted.scores(), atol=0.1)


def test_frames_are_prepared_as_the_runtime_does(model, folder):
    """The ranges are those of the network's input, not of the picture."""
    images = pictures(2, 300, 120)
    twice = [[letterbox(image, load_info(model).input)[0] for image in images], images]
    protos = [onnx.load(quantize(model, list_, folder / f"{i}.onnx").path) for i, list_ in enumerate(twice)]
    assert protos[0].graph == protos[1].graph


def test_weights_have_the_bits_that_the_model_says(made, wide):
    largest = []
    for result in (made, wide):
        weights = [i for i in onnx.load(result.path).graph.initializer if i.data_type == onnx.TensorProto.INT8]
        largest.append(max(np.abs(numpy_helper.to_array(i).astype(int)).max() for i in weights))
        assert load_info(result.path).weight_bits == result.weight_bits
    assert (made.weight_bits, wide.weight_bits) == (7, 8)
    assert largest == [64, 127]


def test_a_cpu_that_does_not_fit_is_told_once(made, wide, caplog):
    for result, warned in ((made, False), (wide, saturates() is True)):
        predictor = Predictor(result.path, threads=1)
        predictor.warm_up()
        lines = [record.getMessage() for record in caplog.records]
        assert len(lines) == warned
        assert all(str(result.path) in line and "no VNNI" in line for line in lines)


def test_refusals(model, made, folder, monkeypatch):
    def refused(match, *arguments):
        with pytest.raises(Sim2SGError, match=match) as caught:
            quantize(*arguments)
        assert "\n" not in str(caught.value)

    with pytest.raises(Sim2SGError, match="weights of 4 bits: they can have 7 or 8"):
        quantize(model, pictures(1), folder / "four.onnx", weight_bits=4)
    out = folder / "kept.onnx"
    out.write_bytes(b"an older model")
    constants = write_model(folder / "constants.onnx", empty_outputs(2, 1))
    (folder / "other.onnx").write_bytes(b"not ONNX")
    refused("not an ONNX model", folder / "other.onnx", pictures(1), out)
    refused("in int8 already: give the float model", made.path, pictures(1), out)
    refused("is the model itself", model, pictures(1), model.parent / "." / model.name)
    refused("no convolutions", constants, pictures(1), out)
    refused("needs frames", model, iter(()), out)
    refused("uint8", model, [np.zeros((4, 4, 3))], out)
    monkeypatch.setitem(sys.modules, "onnx", None)
    refused(r"needs the package onnx: pip install onnx$", model, pictures(1), out)
    assert out.read_bytes() == b"an older model"


def test_it_needs_no_torch_and_says_nothing(model, folder):
    """onnxruntime's advice goes to the root logger; neither screen nor logging may be changed by it."""
    code = (
        "import sys, logging, numpy as np\n"
        "from pathlib import Path\n"
        "from sim2sg_core.model.quantization import quantize\n"
        "rng = np.random.default_rng(0)\n"
        "quantize(Path(sys.argv[1]), [rng.integers(0, 256, (64, 96, 3), np.uint8)], Path(sys.argv[2]))\n"
        "assert not logging.getLogger().handlers and not logging.root.manager.disable\n"
        "print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(model), str(folder / "quiet.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_logging_works_again(model, folder, caplog):
    quantize(model, pictures(1), folder / "logged.onnx")
    logging.getLogger("after").warning("heard")
    assert "heard" in caplog.text


def test_only_known_operators_before_the_peaks_are_chosen(model):
    graph = onnx.load(model).graph
    first = next(i for i, node in enumerate(graph.node) if node.op_type == "MaxPool")
    place = {node.name: i for i, node in enumerate(graph.node)}
    chosen = backbone_nodes(graph)
    assert {node.op_type for node in chosen} <= set(OPERATORS) and max(place[n.name] for n in chosen) < first
    assert {output.name for output in graph.output} == set(OUTPUTS)
