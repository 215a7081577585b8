"""The real network, exported for real: the runtime reads what the exporter writes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sim2sg_core.domains import load_domain
from sim2sg_core.runtime import Predictor
from sim2sg_core.runtime.graph_decoding import decode_graph
from sim2sg_core.runtime.preprocessing import letterbox
from sim2sg_core.scene import Camera

torch = pytest.importorskip("torch", reason="exporting needs the [train] extra")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    from sim2sg_core.model import build_network, export_onnx

    torch.set_num_threads(1)
    domain = load_domain("clevr")
    small = {"width": 96, "height": 64, "max_objects": 8, "max_relations": 20}
    network = build_network(domain, backbone="small", pretrained=False, **small).eval()
    camera = Camera.from_extrinsics(480, 320, np.array([[525.0, 0, 240], [0, 525, 160], [0, 0, 1]]), 5.2, 0.45)
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export_onnx(network, domain, path, model_id="random", camera=camera, calibrated=True)
    return network, domain, camera, path


def test_information_survives(exported):
    network, domain, camera, path = exported
    info = Predictor(path, "cpu").info
    assert (info.model_id, info.domain, info.calibrated) == ("random", domain, True)
    assert (info.width, info.height, info.max_objects) == (96, 64, 8)
    assert info.focal_ref == pytest.approx(network.config.focal_ref)
    assert info.principal == pytest.approx(network.config.principal) and info.input == network.config.input
    np.testing.assert_allclose(info.camera.K, camera.K)
    np.testing.assert_allclose(info.camera.ground, camera.ground, atol=1e-6)


def test_graphs_are_those_of_the_network(exported):
    network, _, camera, path = exported
    predictor = Predictor(path, "cpu", threads=1)
    rng = np.random.default_rng(3)
    for size in ((480, 320), (300, 200), (96, 64)):
        image = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        graph = predictor.predict(image)
        boxed, box = letterbox(image, network.config.input)
        with torch.no_grad():
            values = network(torch.from_numpy(boxed)[None])
        outputs = {name: value[0].numpy() for name, value in values._asdict().items()}
        expected = decode_graph(outputs, predictor.info, box, camera.scaled(*size))
        assert len(graph.objects) == len(expected.objects) == 8
        assert len(graph.relations) == len(expected.relations) > 0
        np.testing.assert_allclose(graph.scores(), expected.scores(), atol=1e-4)
        np.testing.assert_allclose(graph.boxes(), expected.boxes(), atol=0.1 / box.scale)
        for a, b in zip(graph.objects, expected.objects):
            np.testing.assert_allclose(a.pose.position, b.pose.position, rtol=1e-2)


def test_any_batch_size(exported):
    *_, path = exported
    predictor = Predictor(path, "cpu", threads=1)
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
    batch = predictor.predict_batch(list(images))
    for graph, image in zip(batch, images):
        single = predictor.predict(image)
        np.testing.assert_allclose(graph.scores(), single.scores(), atol=1e-5)
        assert dataclasses.replace(graph.camera, K=single.camera.K).to_json() == single.camera.to_json()
