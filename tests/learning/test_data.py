from __future__ import annotations

import numpy as np
import pytest

from sim2sg_core.learning import TrainConfig
from sim2sg_core.learning.data import Batches
from sim2sg_core.model import ModelConfig

CONFIG = TrainConfig(steps=6, batch=2)


def test_every_image_is_seen_before_any_is_seen_twice(records, domain):
    batches = Batches([(records, 1.0)], domain, ModelConfig.from_domain(domain), CONFIG)
    names = [batches.record(i).name for i in range(24)]
    for start in (0, 8, 16):
        assert len(set(names[start : start + 8])) == 8
    assert names[:8] != names[8:16]


def test_shares_are_kept(records, domain):
    batches = Batches([(records[:4], 3.0), (records[4:], 1.0)], domain, ModelConfig.from_domain(domain), CONFIG)
    first = {r.name for r in records[:4]}
    drawn = [batches.record(i).name in first for i in range(400)]
    assert np.mean(drawn) == pytest.approx(0.75, abs=0.01)
