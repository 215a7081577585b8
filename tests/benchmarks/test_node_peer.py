"""The peer in the node's benchmark: its graph, and what the naive node makes of its outputs."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import node_peer_graph


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("peer") / "peer.onnx"
    return path, node_peer_graph.export(path, 128, 96)


def test_multiply_accumulates_of_one_convolution():
    unit = node_peer_graph.Unit(3, 16, 3, 2)
    # 16 x 3 x 3 x 3 weights at 32 x 24 places.
    assert node_peer_graph.multiply_accumulates(unit, torch.zeros(1, 3, 48, 64)) == 16 * 27 * 32 * 24


def test_the_graph_is_of_the_size_of_the_smallest_yolos(exported):
    # Theirs have 3.2 million parameters and 4.35 billion multiply-accumulates at 640x640.
    network = node_peer_graph.PeerDetector(128, 96)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(3.2, abs=0.1)
    assert exported[1] * (640 * 640) / (128 * 96) == pytest.approx(4.35, rel=0.05)


def test_what_is_exported_computes_what_torch_does(exported):
    torch.manual_seed(0)
    network = node_peer_graph.PeerDetector(128, 96).eval()
    image = np.random.default_rng(0).random((1, 3, 96, 128), np.float32)
    session = onnxruntime.InferenceSession(str(exported[0]), providers=["CPUExecutionProvider"])
    boxes, scores = session.run(["boxes", "scores"], {"image": image})
    with torch.no_grad():
        expected = network(torch.from_numpy(image))
    assert boxes.shape == (1, 12 * 16 + 6 * 8 + 3 * 4, 4) and scores.shape == (1, 252, 80)
    np.testing.assert_allclose(boxes, expected[0], atol=1e-3)
    np.testing.assert_allclose(scores, expected[1], atol=1e-5)
    # Uniform distances of 0 to 15 strides would reach 7.5 strides to every side: boxes contain their places.
    assert (boxes[0, :, 2:] > boxes[0, :, :2]).all()


def test_boxes_that_overlap_are_suppressed_by_class(exported):
    node_naive = pytest.importorskip("node_naive", reason="needs rclpy and the messages of sim2sg")
    network = node_naive.PeerNetwork(exported[0])
    outputs = {"boxes": np.zeros((5, 4), np.float32), "scores": np.zeros((5, 80), np.float32)}
    outputs["boxes"][:] = [[10, 10, 50, 50], [12, 10, 52, 50], [12, 10, 52, 50], [80, 10, 120, 50], [80, 60, 120, 90]]
    outputs["scores"][[0, 1, 2, 3, 4], [3, 3, 7, 3, 3]] = [0.9, 0.8, 0.7, 0.6, 0.01]
    graph = network.graph(outputs, np.zeros((192, 256, 3), np.uint8), None)  # twice the input's size
    found = [(thing.label, round(thing.score, 3), thing.box.tolist()) for thing in graph.objects]
    assert sorted(found, key=lambda thing: -thing[1]) == [
        ("class_3", 0.9, [20, 20, 100, 100]),
        ("class_7", 0.7, [24, 20, 104, 100]),
        ("class_3", 0.6, [160, 20, 240, 100]),
    ]
