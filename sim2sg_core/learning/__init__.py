"""Training of the scene-graph network on labelled images, and real ones without labels (torch)."""

import sim2sg_core.model  # noqa: F401  (first: it settles how torch's threads wait)
from sim2sg_core.learning.loop import train
from sim2sg_core.learning.real import RealImage
from sim2sg_core.learning.train_config import AlignConfig, AugmentConfig, TrainConfig
from sim2sg_core.learning.train_job import TrainJob

__all__ = ["AlignConfig", "AugmentConfig", "RealImage", "TrainConfig", "TrainJob", "train"]
