from __future__ import annotations

import pytest

from sim2sg_core.learning import TrainConfig
from sim2sg_core.learning.optimiser import learning_rate


def test_learning_rate_rises_and_falls():
    config = TrainConfig(steps=100, warm_up=10, final_rate=0.1)
    rates = [learning_rate(step, config) for step in range(100)]
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) == 1.0
    assert rates[0] == pytest.approx(1 / 11)
    assert rates[-1] == pytest.approx(0.1, abs=0.01)
