"""When a teacher follows, and when heads go back."""

import pytest
import torch

from sim2sg_core.learning import conditional_update
from sim2sg_core.learning.conditional_update import PATIENCE, ConditionalUpdate, view_variance
from sim2sg_core.model import build_network


@pytest.fixture
def network(domain):
    torch.set_num_threads(1)
    network = build_network(domain, backbone="small", pretrained=False, seed=0)
    with torch.no_grad():  # as after training: cells differ
        network.heads.heat[1].weight.mul_(60)
    return network


@pytest.fixture
def images():
    return torch.randint(0, 256, (3, 96, 128, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def script(monkeypatch, values):
    """The variances that will be measured, in order."""
    left = list(values)
    monkeypatch.setattr(conditional_update, "view_variance", lambda network, images: left.pop(0))
    return left


def changed(network):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)


def test_the_teacher_follows_where_half_of_the_batches_vary_less(network, images, monkeypatch):
    condition = ConditionalUpdate(network)
    left = script(monkeypatch, [5.0, 6.0, 4.0, 5.5, 3.0])
    assert not condition.follows(network, images)  # there is nothing to compare with
    assert not condition.follows(network, images)  # the first batch: 6 after 5; this one has 4
    assert condition.follows(network, images)  # 5.5 after 5, but 3 after 4: half of them
    assert not left and condition.state()["variances"] == []  # and it begins anew


def test_after_a_while_without_the_heads_go_back_and_the_backbone_goes_on(network, images, monkeypatch):
    condition = ConditionalUpdate(network)
    script(monkeypatch, [float(k) for k in range(100)])  # it only ever grows
    before = {name: value.clone() for name, value in network.named_parameters()}
    for _ in range(PATIENCE + 1):
        changed(network)
        assert not condition.follows(network, images)
    for name, value in network.named_parameters():
        moved = (value - before[name]).abs().max().item()
        expected = 0.1 * (PATIENCE + 1) if name.startswith(("backbone.", "neck.")) else 0.0
        assert moved == pytest.approx(expected, abs=1e-3), name
    assert condition.state()["images"] == []


def test_it_goes_on_from_a_checkpoint(network, images, monkeypatch):
    condition = ConditionalUpdate(network)
    condition.follows(network, images)
    saved = condition.state()
    assert len(saved["images"]) == len(saved["variances"]) == 1
    changed(network)
    again = ConditionalUpdate(network, saved)
    script(monkeypatch, [0.0])
    assert again.follows(network, images)


def test_the_variance_is_that_between_views(network, images):
    symmetric = torch.cat([images, images.flip(2)], dim=2)[:, :, ::2]
    assert view_variance(network, images) > 0
    with torch.no_grad():
        network.heads.heat[1].weight.zero_()  # the same everywhere, in every view
    assert view_variance(network, symmetric) == pytest.approx(0, abs=1e-6)
