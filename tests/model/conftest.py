from __future__ import annotations

import pytest
import torch

from sim2sg_core.model import ModelConfig


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def config() -> ModelConfig:
    return ModelConfig(
        classes=2,
        predicates=3,
        width=128,
        height=96,
        backbone="small",
        max_objects=6,
        max_relations=20,
        class_sizes=((1.0, 1.0, 1.0), (4.0, 2.0, 1.5)),
        yaw_symmetry=(4, 1),
        relation_classes=(True, False),
        symmetric=(False, False, True),
        focal=120.0,
        principal=(64.0, 48.0),
        typical_depth=6.0,
    )
