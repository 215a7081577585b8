"""Training of the scene-graph network on labelled images (torch)."""

import sim2sg_core.model  # noqa: F401  (first: it settles how torch's threads wait)
from sim2sg_core.learning.config import AugmentConfig, TrainConfig
from sim2sg_core.learning.loop import train

__all__ = ["AugmentConfig", "TrainConfig", "train"]
