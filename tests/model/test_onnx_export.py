from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.model import Graphs, ModelConfig, export_onnx
from sim2sg_core.model import onnx_graph as onnx_graph_module
from sim2sg_core.model.network import build_network_from_config
from sim2sg_core.model.onnx_export import _compare, check_parity
from sim2sg_core.runtime.metadata import ONNX_IR
from sim2sg_core.runtime.onnx_file import OPERATORS, read_onnx_file
from sim2sg_core.scene import Camera

ort = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def domain() -> Domain:
    return load_domain("clevr")


@pytest.fixture(scope="module")
def exported(domain, tmp_path_factory):
    config = ModelConfig.from_domain(domain, backbone="small", width=128, height=96, max_relations=40)
    network = build_network_from_config(config, seed=2)
    # Random heads see nothing: spread the scores out, so that there is something to compare.
    torch.nn.init.normal_(network.heads.heat[-1].weight, std=0.3, generator=torch.Generator().manual_seed(0))
    camera = Camera.from_extrinsics(480, 320, np.array([[500, 0, 240], [0, 500, 160], [0, 0, 1.0]]), 5.0, 0.4)
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export_onnx(network, domain, path, model_id="toy", camera=camera, calibrated=True)
    return network, path


def session_of(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def test_names_types_and_dynamic_batch(exported):
    _, path = exported
    session = session_of(path)
    (image,) = session.get_inputs()
    assert (image.name, image.type, image.shape[1:]) == ("image", "tensor(uint8)", [96, 128, 3])
    assert isinstance(image.shape[0], str)
    outputs = {o.name: (o.type, o.shape[1:]) for o in session.get_outputs()}
    assert tuple(outputs) == Graphs._fields
    assert outputs["boxes"] == ("tensor(float)", [16, 4])
    assert outputs["classes"] == ("tensor(int64)", [16])
    assert outputs["pairs"] == ("tensor(int64)", [40, 2])
    assert outputs["relations"] == ("tensor(float)", [40, 2])
    for batch in (1, 2, 5):
        found = session.run(None, {"image": np.zeros((batch, 96, 128, 3), np.uint8)})
        assert all(len(value) == batch for value in found)


def test_no_nms_node_and_no_traces_of_the_machine(exported):
    onnx = pytest.importorskip("onnx")
    _, path = exported
    model = onnx.load(path)
    assert not [n.op_type for n in model.graph.node if "NonMax" in n.op_type or n.domain not in ("", "ai.onnx")]
    assert b"/home" not in path.read_bytes()
    assert b".py" not in path.read_bytes()


def test_metadata_tells_everything_needed_to_run(exported, domain):
    network, path = exported
    meta = session_of(path).get_modelmeta().custom_metadata_map
    assert meta["sim2sg_format"] == "1"
    assert meta["model_id"] == "toy"
    assert Domain.from_json(meta["domain"]) == domain
    assert json.loads(meta["classes"]) == list(domain.class_names)
    assert json.loads(meta["predicates"]) == ["left_of", "in_front_of"]
    assert json.loads(meta["inverses"]) == {"left_of": "right_of", "in_front_of": "behind"}
    assert (meta["input_width"], meta["input_height"], meta["max_objects"]) == ("128", "96", "16")
    assert float(meta["focal_ref"]) == network.config.focal_ref
    camera = json.loads(meta["camera"])
    assert (camera["width"], camera["height"]) == (480, 320)
    assert camera["K"][0][0] == 500
    assert (meta["calibrated"], meta["box"]) == ("true", "visible")
    assert meta["relations"] == "learned"


def test_who_decides_relations_is_kept_or_refused(exported, domain, tmp_path, monkeypatch):
    network, _ = exported
    written = {}
    monkeypatch.setattr(
        "sim2sg_core.model.onnx_export._write", lambda network, path, metadata, half: written.update(metadata)
    )
    monkeypatch.setattr("sim2sg_core.model.onnx_export.check_parity", lambda *a: None)
    export_onnx(network, domain, tmp_path / "m.onnx", relations="both")
    assert written["relations"] == "both"
    with pytest.raises(Sim2SGError, match="'auto' is not known: use one of learned, rule, both"):
        export_onnx(network, domain, tmp_path / "other.onnx", relations="auto")
    assert not (tmp_path / "other.onnx").exists()


def test_the_check_sees_a_model_that_differs(exported):
    network, path = exported
    check_parity(network, path)
    bias = network.heads.regression[-1].bias
    with torch.no_grad():
        bias[0] += 0.05
    try:
        with pytest.raises(Sim2SGError, match="differs from the network"):
            check_parity(network, path)
    finally:
        with torch.no_grad():
            bias[0] -= 0.05


def graph() -> Graphs:
    boxes = np.array([[0, 0, 10, 10], [20, 20, 40, 40], [5, 5, 9, 9]], np.float32)
    scores, one = np.array([0.9, 0.9, 0.1], np.float32), np.ones(3, np.float32)
    return Graphs(
        boxes, scores, np.zeros(3, np.int64), boxes[:, :2], one, one, boxes[:, :3], one,
        np.array([[0, 1], [1, 0]]), np.array([[0.8], [0.1]], np.float32),
    )  # fmt: skip


def test_swapped_ties_are_no_difference_and_swapped_relations_are():
    swap = np.array([1, 0, 2])
    swapped = graph()._replace(boxes=graph().boxes[swap], pairs=np.array([[1, 0], [0, 1]]))
    _compare(graph(), swapped, 0)
    with pytest.raises(Sim2SGError, match="relation"):
        _compare(graph(), swapped._replace(pairs=graph().pairs), 0)
    with pytest.raises(Sim2SGError, match=r"2 objects .* off by up to 0\.200 px"):
        _compare(graph(), graph()._replace(boxes=graph().boxes + np.float32(0.2)), 0)


def test_a_failed_export_leaves_the_old_file(exported, domain, tmp_path, monkeypatch):
    network, _ = exported
    target = tmp_path / "model.onnx"
    target.write_bytes(b"old")

    def differs(*args):
        raise Sim2SGError("differs")

    monkeypatch.setattr("sim2sg_core.model.onnx_export._write", lambda *a: None)
    monkeypatch.setattr("sim2sg_core.model.onnx_export.check_parity", differs)
    with pytest.raises(Sim2SGError):
        export_onnx(network, domain, target)
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_depth_normalisation_is_a_property_of_the_config(exported):
    network, _ = exported
    assert network.config.focal_ref == dataclasses.replace(network.config).focal


def test_the_file_is_of_the_version_and_operators_that_we_read(exported):
    found = read_onnx_file(exported[1])
    assert found.ir_version == ONNX_IR and found.operators <= OPERATORS and not found.external


def test_one_trace_serves_all_weights_of_an_architecture(domain, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    onnx_graph_module._traced.cache_clear()
    config = ModelConfig.from_domain(domain, backbone="small", width=96, height=64)
    kept = tmp_path / "sim2sg" / "graphs" / f"{onnx_graph_module._key(config)}.onnx"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(bytes(100))  # damaged: it is made anew
    before = torch.random.get_rng_state()
    files = []
    for seed in (3, 4):
        network = build_network_from_config(config, seed=seed)
        network.set_calibration(0.7, 0.1 * seed, float(seed))
        torch.random.set_rng_state(before)
        files.append(export_onnx(network, domain, tmp_path / f"{seed}.onnx", model_id="m").read_bytes())
        assert torch.equal(torch.random.get_rng_state(), before), "export drew random numbers"
        check_parity(network, tmp_path / f"{seed}.onnx")
    assert onnx_graph_module._traced.cache_info().hits >= 1 and files[0] != files[1]
    stamp = kept.stat().st_mtime_ns
    for blocked in (False, True):  # Read from the cache; made anew where it can be neither read nor written.
        if blocked:
            kept.unlink()
            kept.mkdir()
        onnx_graph_module._traced.cache_clear()
        assert export_onnx(network, domain, tmp_path / "again.onnx", model_id="m").read_bytes() == files[1]
        assert blocked or kept.stat().st_mtime_ns == stamp


def test_objects_that_fill_the_image_alike_are_told_apart_by_their_centres():
    """Their boxes are clipped to the same one; with a wrong partner each would have another's relations."""
    alike = graph()._replace(boxes=np.tile(np.array([0, 0, 64, 48], np.float32), (3, 1)))
    _compare(alike, alike, 0)
    swap = np.array([1, 0, 2])
    _compare(alike, alike._replace(centres=alike.centres[swap], pairs=np.array([[1, 0], [0, 1]])), 0)


def test_relations_between_what_is_not_there_do_not_count_where_one_of_it_is_another():
    nothing = graph()._replace(scores=graph().scores * np.float32(1e-9))
    moved = nothing._replace(
        boxes=nothing.boxes + np.array([[0], [0], [40]], np.float32), relations=1 - nothing.relations
    )
    _compare(nothing, moved, 0)
    with pytest.raises(Sim2SGError, match="relation"):
        _compare(nothing, moved._replace(boxes=nothing.boxes), 0)
