"""ONNX files of others are looked at before onnxruntime runs them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sim2sg_core import limits
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.packs.pack import shipped_files
from sim2sg_core.runtime import Predictor, load_info, onnx_file, session
from sim2sg_core.runtime.metadata import ONNX_IR
from sim2sg_core.runtime.onnx_file import OPERATORS, read_onnx_file
from tests.runtime.constant_model import empty_outputs, write_model

# Highest version of the file format that a release of onnxruntime reads (its docs/Versioning.md).
READS = {"1.14": 8, "1.15": 8, "1.16": 9, "1.17": 9, "1.18": 10, "1.19": 10, "1.20": 10}


def refuse(path, message):
    with pytest.raises(Sim2SGError, match=message) as caught:
        Predictor(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def edited(path, edit):
    model = onnx.load(path)
    edit(model)
    onnx.save(model, path)
    return path


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "m.onnx", empty_outputs(3, 2))


def test_what_is_in_a_file_is_what_onnx_reads(model):
    found, read = onnx.load(model), read_onnx_file(model)
    assert (read.ir_version, read.opsets) == (found.ir_version, {"": 18})
    assert read.operators == {node.op_type for node in found.graph.node} and read.nodes == len(found.graph.node)
    assert read.metadata == {item.key: item.value for item in found.metadata_props}
    assert read.largest == max(np.prod(t.dims, dtype=int) for t in found.graph.initializer) and not read.external


def test_the_shipped_model_and_the_lower_bound_of_onnxruntime():
    lowest = re.findall(r'"onnxruntime(?:-gpu)?>=([\d.]+)"', Path("pyproject.toml").read_text())
    assert len(lowest) == 2 and all(READS[version] >= ONNX_IR for version in lowest)
    for path in shipped_files("model.onnx").values():
        found = read_onnx_file(path)
        assert found.ir_version == ONNX_IR and found.operators <= OPERATORS


def insert(*nodes, values=()):
    """Lets the first output be made by other nodes, the last of which makes "x"."""

    def edit(model):
        graph = model.graph
        graph.node.extend([*nodes, helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)])
        last = next(node for node in graph.node if node.output[0] == graph.output[0].name)
        last.output[0] = "before"
        graph.node.append(helper.make_node("Add", ["before", "y"], [graph.output[0].name]))
        graph.initializer.extend(numpy_helper.from_array(np.array(v), k) for k, v in dict(values).items())

    return edit


def test_operators_that_we_never_export(model):
    size = {"n": np.array([10**9], np.int64)}
    refuse(edited(model, insert(helper.make_node("ConstantOfShape", ["n"], ["x"]), values=size)), "'ConstantOfShape'")


def test_loops_are_found_wherever_they_are(model):
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"])],
        "body",
        [helper.make_tensor_value_info("i", 7, []), helper.make_tensor_value_info("c", 9, [])],
        [helper.make_tensor_value_info("d", 9, [])],
    )
    edit = insert(
        helper.make_node("Loop", ["many", "yes"], [], body=body),
        helper.make_node("Identity", ["one"], ["x"]),
        values={"many": np.int64(2**62), "yes": np.array(True)},
    )
    refuse(edited(model, edit), "'Loop'")


def test_operators_of_other_domains_and_functions(model):
    refuse(
        edited(model, insert(helper.make_node("Identity", ["one"], ["x"], domain="com.other"))), "com.other:Identity"
    )
    write_model(model, empty_outputs(3, 2))
    opset = helper.make_opsetid("", 18)
    function = helper.make_function("own", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [opset])
    refuse(edited(model, lambda m: m.functions.append(function)), "'function'")


def test_data_in_another_file_is_not_read_even_where_it_is_there(model):
    onnx.save(onnx.load(model), model, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert model.with_name("weights.bin").exists()
    refuse(model, "not an ONNX model in one file")


def test_a_small_file_does_not_take_gigabytes(model, monkeypatch):
    """Expand is what we export; a size that it is given is not in the file's shapes."""
    monkeypatch.setattr(session, "ONNX_RUN_BYTES", limits.ONNX_RUN_BYTES)
    sizes = {"huge": np.array([40_000, 40_000], np.int64), "single": np.ones((1, 1), np.float32)}
    nodes = [helper.make_node("Expand", ["single", "huge"], ["big"]), helper.make_node("ReduceMax", ["big"], ["x"])]
    refuse(edited(model, insert(*nodes, values=sizes)), "onnxruntime cannot run it")


def test_more_than_the_limits_is_refused(model, monkeypatch):
    for name, words in (
        ("ONNX_METADATA_BYTES", "bytes of metadata"),
        ("ONNX_NODES", "nodes"),
        ("ONNX_TENSOR_VALUES", "values in one tensor"),
        ("ONNX_BYTES", "bytes"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(onnx_file, name, 10)
            refuse(model, f"{words}, and at most 10 are read")


@pytest.mark.parametrize("kind", ["shape", "type"])
def test_outputs_of_another_form_than_ours(model, kind):
    def edit(found):
        scores = next(o for o in found.graph.output if o.name == "scores").type.tensor_type
        if kind == "type":
            scores.elem_type = TensorProto.INT64
        else:
            scores.shape.dim[1].dim_value = 7

    refuse(edited(model, edit), "can load|damaged")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("classes", 7, "classes has 7 and 7, and there are 3"),
        ("classes", -1, "classes has -1"),
        ("pairs", 3, "pairs has 3 and 3, and there are 3"),
        ("scores", np.nan, "scores that are not finite"),
        ("relations", np.inf, "relations that are not finite"),
    ],
)
def test_outputs_that_mean_nothing(tmp_path, name, value, message):
    outputs = empty_outputs(3, 2)
    outputs[name][...] = value
    path = write_model(tmp_path / "m.onnx", outputs)
    assert load_info(path).model_id == "constants"
    refuse(path, message)


def test_objects_that_are_not_finite_are_left_out(tmp_path):
    outputs = empty_outputs(3, 2)
    outputs["scores"][:] = 0.9
    outputs["boxes"][:] = [10, 10, 50, 50]
    outputs["depths"][1] = np.inf
    predictor = Predictor(write_model(tmp_path / "m.onnx", outputs))
    assert len(predictor.predict(np.zeros((240, 320, 3), np.uint8)).objects) == 2


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9, 0.999])
def test_files_that_are_cut_short(model, share):
    data = model.read_bytes()
    model.write_bytes(data[: int(len(data) * share)])
    refuse(model, "not an ONNX model")
