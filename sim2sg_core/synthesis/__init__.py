"""Synthetic frames with exact labels: layouts, appearance, the renderer, data sets on disk."""

from sim2sg_core.synthesis.dataset import read_dataset
from sim2sg_core.synthesis.workers import render_dataset

__all__ = ["read_dataset", "render_dataset"]
