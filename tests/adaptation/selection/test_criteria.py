"""BoS and DAS: worked by hand, and on a network."""

import numpy as np
import pytest
import torch

from sim2sg_core.adaptation.selection.criteria import (
    NetworkFigures,
    criterion_scores,
    das,
    measure_network,
)
from sim2sg_core.adaptation.selection.flatness import detection_change, flatness, stepped
from sim2sg_core.adaptation.selection.network_detections import Detections, detect
from sim2sg_core.adaptation.selection.prototypes import class_prototypes, prototype_ratio
from sim2sg_core.adaptation.selection.stability import box_stability, stability
from sim2sg_core.domains import load_domain
from sim2sg_core.model import build_network

LEFT, RIGHT = [0.0, 0, 10, 10], [20.0, 0, 30, 10]
NONE = np.zeros((0, 4))


def found(boxes, probabilities=None, features=None):
    count = len(boxes)
    chances = np.tile([0.5, 0.25, 0.25], (count, 1)) if probabilities is None else np.array(probabilities, float)
    return Detections(
        np.array(boxes, float).reshape(-1, 4),
        chances.reshape(count, 3),
        np.zeros((count, 2)) if features is None else np.array(features, float),
    )


def test_stability_is_the_mean_iou_of_matched_boxes():
    half = [0.0, 0, 10, 5]  # half of LEFT
    assert stability([np.array([LEFT, RIGHT])], [np.array([RIGHT, half])]) == pytest.approx((1 + 0.5) / 2)
    # The second image has nothing to match: it counts 0.
    assert stability([np.array([LEFT]), np.array([LEFT])], [np.array([LEFT]), NONE]) == pytest.approx(0.5)
    assert stability([NONE], [NONE]) == 0


def test_the_change_is_divergence_less_overlap_per_match():
    one = found([LEFT, RIGHT])
    assert detection_change([one], [one]) == pytest.approx(-1)
    surer = found([RIGHT], [[0.25, 0.5, 0.25]])
    divergence = 0.5 * np.log(2) + 0.25 * np.log(0.5)
    assert detection_change([one], [surer]) == pytest.approx(divergence - 1)
    # A far box of equal probabilities costs 0, as does an image in which nothing is left.
    assert detection_change([found([LEFT])], [found([RIGHT])]) == pytest.approx(0)
    assert detection_change([one, one], [one, found(NONE)]) == pytest.approx(-0.5)


def test_prototypes_are_means_by_probability():
    items = [found([LEFT], [[0.8, 0.0, 0.2]], [[1.0, 0]]), found([RIGHT], [[0.2, 0.0, 0.8]], [[6.0, 5]])]
    prototypes = class_prototypes(items)
    assert prototypes[0] == pytest.approx([0.8 * 1 + 0.2 * 6, 0.2 * 5]) and np.isnan(prototypes[1]).all()
    assert np.isnan(class_prototypes([found(NONE, np.zeros((0, 3)))])).all()


def test_the_ratio_of_prototypes():
    source = np.array([[0.0, 0], [3.0, 0]])
    target = np.array([[0.0, 4], [3.0, 4]])  # each class moved by 4; the diagonal across the domains is 5
    assert prototype_ratio(source, target) == pytest.approx(5 * 3 * 3 / 4)
    assert prototype_ratio(source, target + [0, 4]) < prototype_ratio(source, target)
    unknown = np.array([[0.0, 4], [np.nan, np.nan]])
    assert prototype_ratio(source, unknown) == 0


def test_das_ranks_the_models_of_a_run_among_themselves():
    figures = [NetworkFigures(0.5, -0.2, 1.0), NetworkFigures(0.6, -0.8, 3.0), NetworkFigures(0.9, -0.5, 2.0)]
    assert das(figures) == pytest.approx([0, 2, 1])
    assert das(figures[:1]) == [0]
    assert criterion_scores("bos", [1, 2, 3], figures) == [0.5, 0.6, 0.9]
    assert criterion_scores("self_consistency", [1, 2, 3], []) == [1, 2, 3]
    assert criterion_scores("flatness", [1, 2, 3], figures) == pytest.approx([0.2, 0.8, 0.5])


@pytest.fixture(scope="module")
def network():
    torch.set_num_threads(1)
    domain = load_domain("clevr")
    sizes = {"width": 96, "height": 64, "channels": 16, "max_objects": 8, "max_relations": 20}
    network = build_network(domain, backbone="small", pretrained=False, **sizes)
    with torch.no_grad():  # as after training: cells differ, and some are sure
        network.heads.heat[-1].weight.mul_(150)
    return network.eval()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)


def test_a_step_has_its_length_and_leaves_the_network_alone(network):
    before = {name: p.clone() for name, p in network.named_parameters()}
    moved = dict(stepped(network, 1, 0.5).named_parameters())
    squares = [((moved[name] - p) ** 2).sum().item() for name, p in before.items()]
    assert sum(squares) == pytest.approx(0.5**2, rel=1e-2)
    assert all(torch.equal(p, before[name]) for name, p in network.named_parameters())


def test_the_farther_the_step_the_greater_the_change(network, images):
    assert len(detect(network, images)[0].boxes)  # there is something to compare
    still, near, far = (flatness(network, images, 0, radius) for radius in (0.0, 0.3, 30.0))
    assert still == pytest.approx(-1) and still < near < far


def test_measuring_is_deterministic_and_within_bounds(network, images):
    figures = measure_network(network, images, images)
    assert figures == measure_network(network, images, images)
    assert 0 < figures.bos < 1 and figures.change > -1
    assert box_stability(network, images, 0) != box_stability(network, images, 1)


def test_probabilities_are_distributions_and_boxes_lie_above_the_score(network, images):
    for item in detect(network, images, 0.2):
        assert item.probabilities.sum(1) == pytest.approx(1) and item.probabilities.shape[1] == 4
    assert all(len(item.boxes) == 0 for item in detect(network, images, 1.1))
