from __future__ import annotations

import pytest
import torch

from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.model import build_network, save_checkpoint
from sim2sg_core.model.weight_mean import mean_network


@pytest.fixture(scope="module")
def domain():
    return load_domain("clevr")


def saved(folder, domain, seed, **more):
    network = build_network(domain, backbone="small", seed=seed, width=96, height=64)
    network.set_calibration(1.5, 0.2, 2.0)
    return network, save_checkpoint(folder / f"{seed}.pt", network, domain, **more)


def test_mean_of_weights(tmp_path, domain):
    (a, first), (b, second) = saved(tmp_path, domain, 1), saved(tmp_path, domain, 2)
    mean = mean_network([first, second])
    for name, parameter in mean.named_parameters():
        expected = (dict(a.named_parameters())[name] + dict(b.named_parameters())[name]) / 2
        torch.testing.assert_close(parameter, expected)
    assert not mean.is_calibrated and float(mean.relation_temperature) == 1


def test_averaged_weights_are_what_counts(tmp_path, domain):
    network = build_network(domain, backbone="small", seed=1, width=96, height=64)
    ema = {name: p.detach() + 1 for name, p in network.named_parameters()}
    path = save_checkpoint(tmp_path / "c.pt", network, domain, ema=ema)
    mean = mean_network([path, path, path])
    for name, parameter in mean.named_parameters():
        torch.testing.assert_close(parameter, ema[name])


def test_networks_of_different_shapes_are_refused(tmp_path, domain):
    _, first = saved(tmp_path, domain, 1)
    other = build_network(domain, backbone="small", seed=1, width=128, height=64)
    second = save_checkpoint(tmp_path / "other.pt", other, domain)
    with pytest.raises(Sim2SGError, match="another shape"):
        mean_network([first, second])
    with pytest.raises(Sim2SGError, match="no checkpoints"):
        mean_network([])
