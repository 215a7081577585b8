"""Attributes that are moved to match the log."""

import numpy as np
import pytest
import torch

from sim2sg_core.adaptation.content.ground_groups import ground_groups
from sim2sg_core.adaptation.content.meta_sim import (
    ATTRIBUTES,
    GraphAutoEncoder,
    GraphCoder,
    GraphConvolution,
    MovedPrior,
    attribute_gradient,
    fit_meta_sim,
    imitate,
)
from sim2sg_core.scene import Layout, Placement
from tests.adaptation.content.scenes import CAMERA, CLEVR, laid_table, table_domain
from tests.adaptation.content.toy_features import PlaceFeatures


def cubes(rng, middle):
    places = np.array(middle) + rng.uniform(-1, 1, (2, 2))
    return Layout(CAMERA, tuple(Placement("cube", np.array([*p, 0.0]), 0.3, np.full(3, 0.99)) for p in places))


def test_the_gradient_through_the_renderer_is_that_of_the_calculus():
    rng = np.random.default_rng(0)
    at, mutable = rng.normal(size=(2, 2, 4)), np.ones((2, 2, 4), bool)
    mutable[0, 1], mutable[:, :, 2:] = False, False  # at most four are left: all are tried
    weights = rng.normal(size=(8, 3))

    def rendered(attributes):
        return (torch.tensor((attributes**2).reshape(2, 8) @ weights),)

    slope = torch.tensor(rng.normal(size=(2, 3)))
    found = attribute_gradient([slope], rendered, at, mutable, rng)
    exact = (2 * at.reshape(2, 8) * (slope.numpy() @ weights.T)).reshape(at.shape)
    assert found == pytest.approx(np.where(mutable, exact, 0.0))


def test_a_drawn_part_of_the_gradient_is_unbiased():
    at, mutable = np.zeros((1, 3, 4)), np.ones((1, 3, 4), bool)
    slope, weights = torch.ones(1, 1, dtype=torch.float64), np.arange(12.0)[:, None]

    def rendered(attributes):
        return (torch.tensor(attributes.reshape(1, 12) @ weights),)

    rng = np.random.default_rng(0)
    draws = [attribute_gradient([slope], rendered, at, mutable, rng).ravel() for _ in range(600)]
    assert np.mean(draws, axis=0) == pytest.approx(weights[:, 0], abs=1.5)
    assert (draws[0] == 0).sum() >= 12 - 6


def test_a_node_hears_of_others_of_its_scene_alone():
    torch.manual_seed(0)
    layer = GraphConvolution(2, 3)
    x, mask = torch.randn(2, 3, 2), torch.tensor([[1.0, 1, 0], [1, 1, 1]])
    other = x.clone()
    other[0, 2], other[1] = 9.0, 7.0  # padding, and another scene
    assert torch.allclose(layer(x, mask)[0, :2], layer(other, mask)[0, :2])
    other[0, 1] = 5.0
    assert not torch.allclose(layer(x, mask)[0, 0], layer(other, mask)[0, 0])


def test_it_first_learns_to_leave_scenes_as_they_are():
    rng = np.random.default_rng(0)
    scenes = [cubes(rng, (9, 0)) for _ in range(64)]
    coder = GraphCoder.of_prior(CLEVR, scenes)
    torch.manual_seed(0)
    network = GraphAutoEncoder(len(CLEVR.classes) + ATTRIBUTES + 2)
    assert imitate(network, coder, scenes, rng) < 1e-3
    network.end_imitation()
    groups = ground_groups(scenes[0].placements)
    graphs = coder.encode([groups])
    assert torch.equal(network(graphs), graphs.attributes), "whatever it gives back"
    assert not torch.equal(network.given_back(graphs), graphs.attributes)
    before = graphs.attributes[0].double().numpy()
    for old, new in zip(groups, coder.decode(groups, before, before), strict=True):
        assert new.root.position == pytest.approx(old.root.position, abs=1e-5)
        assert new.root.size == pytest.approx(old.root.size) and new.root.yaw == pytest.approx(old.root.yaw)


def test_sizes_change_only_as_far_as_the_domain_lets_them():
    groups = ground_groups(laid_table())
    rigid = GraphCoder.of_prior(table_domain(size_freedom=0.0), [Layout(CAMERA, tuple(laid_table()))])
    assert not rigid.encode([groups]).mutable[0, :, 3].any()
    free = GraphCoder.of_prior(table_domain(size_freedom=0.1), [Layout(CAMERA, tuple(laid_table()))])
    assert free.encode([groups]).mutable[0, :, 3].tolist() == [False, True]  # the table carries a ball
    before = free.encode([groups]).attributes[0].double().numpy()
    table, alone = free.decode(groups, before, before + [0, 0, 0, 50])
    assert table.root.size == pytest.approx(groups[0].root.size)
    assert alone.root.size == pytest.approx(groups[1].root.size * np.exp(0.2))


def test_things_move_towards_where_the_log_has_them():
    log = [cubes(np.random.default_rng(k), (11, 2)) for k in range(40)]
    features = PlaceFeatures(log)

    def draw(rng):
        return cubes(rng, (9, 0))

    fitted = fit_meta_sim(draw, CLEVR, features, 30, 0)
    distances = fitted["history"]["squared_mmd"]
    assert len(distances) == 30 and np.mean(distances[-5:]) < 0.9 * np.mean(distances[:5])
    moved = MovedPrior(draw, CLEVR, fitted)
    places = np.array([p.position[:2] for k in range(20) for p in moved(np.random.default_rng(k)).placements])
    still = np.array([p.position[:2] for k in range(20) for p in draw(np.random.default_rng(k)).placements])
    assert len(places) == len(still)  # structure stays
    apart = [np.linalg.norm(x.mean(0) - [11, 2]) for x in (places, still)]
    assert apart[0] < 0.85 * apart[1]
    again = MovedPrior(draw, CLEVR, fit_meta_sim(draw, CLEVR, PlaceFeatures(log), 30, 0))
    assert again(np.random.default_rng(1)).to_json() == moved(np.random.default_rng(1)).to_json()
