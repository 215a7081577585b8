from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning import AlignConfig
from sim2sg_core.learning.ema import WeightAverage
from sim2sg_core.learning.task import dense_maps
from sim2sg_core.learning.teacher import (
    Teacher,
    confidence,
    distilled_regression,
    soft_heat_loss,
    soft_relation_loss,
)
from sim2sg_core.model import SceneGraphNetwork, build_network
from sim2sg_core.model.heads import Channels
from sim2sg_core.model.losses import WEIGHTS

CONFIG = AlignConfig(teacher=1.0)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def network(domain) -> SceneGraphNetwork:
    network = build_network(domain, seed=0)
    with torch.no_grad():  # as after training: cells differ
        network.heads.heat[1].weight.mul_(60)
    return network


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(0, 256, (2, 96, 128, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def intrinsics() -> torch.Tensor:
    return torch.tensor([[110.0, 64, 48], [120.0, 60, 50]])


def test_the_teacher_is_the_average(network, images):
    average = WeightAverage(network, 0.5)
    teacher = Teacher(network, average, CONFIG)
    for seed in range(3):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.01 * noise(*parameter.shape, seed=seed))
        average.update(network)
    state = average.state()
    for name, parameter in teacher.network.named_parameters():
        assert torch.equal(parameter, state[name])
        assert not torch.equal(parameter, dict(network.named_parameters())[name])
    fresh = build_network_of(network)
    fresh.load_state_dict(state, strict=False)
    with torch.no_grad():
        assert torch.equal(teacher.network.dense(images).heat, fresh.dense(images).heat)


def build_network_of(network: SceneGraphNetwork) -> SceneGraphNetwork:
    return SceneGraphNetwork(network.config).eval()


def test_one_that_agrees_is_taught_nothing(network, images, intrinsics):
    network.set_calibration(1.7, -0.3, 0.6)
    teacher = Teacher(network, WeightAverage(network, 0.9), dataclasses.replace(CONFIG, class_thresholds=(0.0, 0.0)))
    losses = teacher.losses(network, dense_maps(network, images), images, intrinsics)
    assert set(losses) <= set(WEIGHTS)
    for name in ("heat", "box", "centre", "depth", "size", "angle"):
        assert losses[name].item() == pytest.approx(0, abs=1e-6)
    assert losses["relations"].item() > 0.01  # the entropy of soft targets stays; it teaches nothing:
    torch.stack(list(losses.values())).sum().backward()
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            assert parameter.grad.abs().max() < 1e-5, name


def test_one_that_differs_is_drawn_to_the_teacher(network, images, intrinsics):
    teacher = Teacher(network, WeightAverage(network, 0.9), dataclasses.replace(CONFIG, class_thresholds=(0.1, 0.1)))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * noise(*parameter.shape))
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    history = []
    for _ in range(25):
        losses = teacher.losses(network, dense_maps(network, images), images, intrinsics)
        history.append({name: value.item() for name, value in losses.items()})
        optimiser.zero_grad()
        torch.stack([WEIGHTS[name] * value for name, value in losses.items()]).sum().backward()
        optimiser.step()
    for name in ("heat", "box", "centre", "depth", "size"):
        assert history[-1][name] < 0.7 * history[0][name], name
    assert history[-1]["relations"] < history[0]["relations"]
    assert all(p.grad is None for p in teacher.network.parameters())


def test_saturated_agreement_has_no_gradient():
    logits = (20 * noise(1, 2, 6, 8).sign()).requires_grad_()
    loss = soft_heat_loss(logits, torch.sigmoid(logits.detach()), torch.tensor([[0.9, 0.4]]))
    loss.backward()
    assert loss.item() < 1e-6
    assert logits.grad.abs().max() < 1e-6


@given(st.floats(0.01, 0.99), st.floats(-4, 4))
def test_the_soft_heat_loss_is_least_at_the_teachers_word(target, logit):
    x = torch.tensor([[[[logit]]]], dtype=torch.float64, requires_grad=True)
    loss = soft_heat_loss(x, torch.full_like(x, target), torch.ones(1, 1))
    loss.backward()
    away = torch.sigmoid(x.detach()) - target
    assert loss.item() >= 0
    if away.abs() > 1e-3:
        assert (x.grad * away).item() > 0  # downhill is towards the target


def test_heat_counts_per_expected_object():
    logits, target = noise(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.5)
    one = soft_heat_loss(logits, target, torch.tensor([[1.0, 1.0]]))
    torch.testing.assert_close(soft_heat_loss(logits, target, torch.tensor([[2.0, 2.0]])), one / 2)


def test_only_objects_that_count_teach_their_boxes():
    student, teacher = noise(1, Channels.COUNT, 4, 4).requires_grad_(), noise(1, Channels.COUNT, 4, 4, seed=1)
    cells, weight = torch.tensor([[5, 9]]), torch.tensor([[0.8, 0.0]])
    losses = distilled_regression(student, teacher, cells, weight, torch.tensor([[0.0, 1.0]]))
    torch.stack(list(losses.values())).sum().backward()
    touched = student.grad.flatten(2)[0].abs()
    assert touched[:11, 5].min() > 0
    assert touched[Channels.ANGLE].max() == 0  # a rotationally symmetric object has no angle
    assert touched[:, [c for c in range(16) if c != 5]].max() == 0


@given(st.floats(0, 1), st.floats(0.05, 0.95))
def test_confidence(probability, threshold):
    sure = confidence(torch.tensor(probability), torch.tensor(threshold)).item()
    assert 0 <= sure <= 1
    assert confidence(torch.tensor(threshold), torch.tensor(threshold)).item() == 0
    for extreme in (0.0, 1.0):
        assert confidence(torch.tensor(extreme), torch.tensor(threshold)).item() == pytest.approx(1)
    further = probability + 0.5 * ((1.0 if probability >= threshold else 0.0) - probability)
    assert confidence(torch.tensor(further), torch.tensor(threshold)).item() >= sure - 1e-6


def test_unsure_predicates_and_absent_pairs_teach_little():
    logits = noise(1, 2, 2, 1).requires_grad_()
    target = torch.tensor([[0.5, 0.99], [0.55, 0.02]])[None, ..., None]
    both = torch.tensor([[[0.9, 0.9], [0.9, 0.0]]])
    soft_relation_loss(logits, target, both, torch.tensor([0.5])).backward()
    push = (logits.grad / (torch.sigmoid(logits.detach()) - target))[0, ..., 0]
    assert push[0, 0] == 0
    assert push[1, 1] == 0
    assert push[0, 1] > 5 * push[1, 0] > 0


def test_thresholds_need_one_entry_each(network):
    average = WeightAverage(network, 0.9)
    with pytest.raises(Sim2SGError, match="class_thresholds has 1 entries: it needs one for each of 2"):
        Teacher(network, average, AlignConfig(teacher=1.0, class_thresholds=(0.3,)))
    teacher = Teacher(network, average, AlignConfig(teacher=1.0, predicate_thresholds=(0.2, 0.7)))
    assert teacher.predicate_thresholds.tolist() == pytest.approx([0.2, 0.7])


def test_a_frozen_labeller_stays_as_it_is_and_teaches_in_place_of_the_average(network, domain, images, intrinsics):
    frozen = dataclasses.replace(CONFIG, teacher_update="frozen")
    average = WeightAverage(network, 0.5)
    with pytest.raises(Sim2SGError, match="give the network that labels"):
        Teacher(network, average, frozen)
    labeller = build_network(domain, seed=1)
    before = {name: value.clone() for name, value in labeller.named_parameters()}
    teacher = Teacher(network, average, frozen, labeller)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.01)
    average.update(network)
    assert all(torch.equal(value, before[name]) for name, value in teacher.network.named_parameters())
    with torch.no_grad():
        assert torch.equal(teacher.network.dense(images).heat, labeller.eval().dense(images).heat)
    assert teacher.losses(network, dense_maps(network, images), images, intrinsics)["heat"].item() > 0
