from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sim2sg_core.learning import AlignConfig, TrainConfig
from sim2sg_core.learning.alignment import (
    FeatureAlignment,
    PredictionAlignment,
    domain_loss,
    reversal_scale,
    reverse,
)
from sim2sg_core.learning.task import dense_maps
from sim2sg_core.model import SceneGraphNetwork, build_network


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def network(domain) -> SceneGraphNetwork:
    return build_network(domain, seed=0)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(0, 256, (3, 96, 128, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


REAL = torch.tensor([False, True, True])


@given(st.floats(0, 5), st.lists(st.floats(-3, 3), min_size=1, max_size=5))
def test_the_gradient_is_turned_round_and_scaled(scale, values):
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    y = reverse(x, scale)
    assert torch.equal(y, x)
    (y**2).sum().backward()
    torch.testing.assert_close(x.grad, -scale * 2 * x.detach())


@given(st.integers(1, 400))
def test_schedule(steps):
    config = TrainConfig(steps=steps, align=AlignConfig(feature=1.0))
    scales = [reversal_scale(step, config) for step in range(steps + 1)]
    assert scales == sorted(scales)
    assert scales[0] == 0 < scales[1] and scales[-1] < 1
    assert scales[-1] == pytest.approx(1, abs=1e-4)


def test_domain_loss_by_hand():
    logits = torch.tensor([[0.0, 2.0], [3.0, -1.0], [5.0, 5.0]])
    weight = torch.tensor([[1.0, 3.0], [1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    loss, accuracy = domain_loss(logits, weight, REAL)
    entropy = nn.functional.softplus  # of a logit that should be low
    rendered = (entropy(torch.tensor(0.0)) + 3 * entropy(torch.tensor(2.0))) / 4
    real = (entropy(torch.tensor(-3.0)) + entropy(torch.tensor(-5.0))) / 2
    torch.testing.assert_close(loss, (rendered + real) / 2)
    assert accuracy.item() == pytest.approx((0.25 + 1) / 2)
    assert not loss.requires_grad  # weights are not taught


def gradients(network, images, kind, scale):
    """Of the network and of the classifiers, for one kind of alignment."""
    network.zero_grad(set_to_none=True)
    torch.manual_seed(0)
    module = kind(network.config)
    dense = dense_maps(network, images)
    found = network.detect(dense)
    args = (dense, found) if kind is FeatureAlignment else (dense, found, network.relate(found))
    values = module(*args, REAL, scale)
    sum(v for k, v in values.items() if not k.endswith("accuracy")).backward()
    ours = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
    return ours, {n: p.grad for n, p in module.named_parameters()}


@pytest.mark.parametrize("kind", [FeatureAlignment, PredictionAlignment])
def test_the_network_works_against_its_classifier(network, images, kind):
    ours, theirs = gradients(network, images, kind, 0.5)
    straight, same = gradients(network, images, kind, -1.0)  # the classifier's own direction
    for name in straight:
        torch.testing.assert_close(ours[name], -0.5 * straight[name], atol=1e-6, rtol=1e-3)
    for name in theirs:
        torch.testing.assert_close(theirs[name], same[name])
        assert theirs[name].abs().sum() > 0
    off, _ = gradients(network, images, kind, 0.0)
    assert all(not g.any() for g in off.values())


def test_what_each_alignment_reaches(network, images):
    feature, _ = gradients(network, images, FeatureAlignment, 1.0)
    assert not any(n.startswith(("heads", "relations")) for n in feature)
    prediction, _ = gradients(network, images, PredictionAlignment, 1.0)
    for part in ("heads.heat.1.weight", "heads.regression.1.weight", "relations.predicate.weight"):
        assert prediction[part].abs().sum() > 0
    for reached in (feature, prediction):
        assert any(n.startswith("backbone") and g.any() for n, g in reached.items())


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_a_classifier_tells_shifted_domains_apart_unless_features_hide_it(scale):
    """A task in one direction, the domain in another: with reversal the features keep the one and drop the other."""
    rng = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    extractor, task = nn.Linear(2, 6), nn.Linear(6, 1)
    classifier = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
    optimiser = torch.optim.SGD([*extractor.parameters(), *task.parameters(), *classifier.parameters()], 0.1)
    real = torch.arange(2) > 0
    told, solved = [], []
    for step in range(500):
        x = torch.randn(2, 64, 2, generator=rng)
        label = (x[..., 0] > 0).float()
        x[1, :, 1] += 2.0
        features = extractor(x)
        strength = scale * min(1.0, step / 100)
        loss, accuracy = domain_loss(classifier(reverse(features, strength)).squeeze(-1), torch.ones(2, 64), real)
        answer = task(features).squeeze(-1)
        optimiser.zero_grad()
        (loss + nn.functional.binary_cross_entropy_with_logits(answer, label)).backward()
        optimiser.step()
        told.append(accuracy.item())
        solved.append(((answer > 0) == (label > 0)).float().mean().item())
    told, solved = sum(told[-100:]) / 100, sum(solved[-100:]) / 100
    assert solved > 0.93
    assert told > 0.8 if scale == 0 else told < 0.55
