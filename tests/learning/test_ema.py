from __future__ import annotations

import pytest
import torch

from sim2sg_core.learning.ema import WeightAverage


def test_average_by_hand():
    layer = torch.nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(0.0)
    average = WeightAverage(layer, 0.5)
    layer.weight.data.fill_(1.0)
    average.update(layer)  # decay (1 + 1) / (10 + 1)
    assert float(average.state()["weight"]) == pytest.approx(1 - 2 / 11)
    for _ in range(20):
        average.update(layer)
    layer.weight.data.fill_(0.0)
    before = float(average.state()["weight"])
    average.update(layer)
    assert float(average.state()["weight"]) == pytest.approx(before / 2)
