"""The scene-graph network (torch): architecture, losses, checkpoints, export; and 8-bit models (without torch).

The names below are imported when they are first used: who quantises a model on a robot has no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim2sg_core.model.checkpoint import (
        build_network,
        load_checkpoint,
        load_network,
        load_start,
        save_checkpoint,
    )
    from sim2sg_core.model.model_config import ModelConfig
    from sim2sg_core.model.network import Graphs, SceneGraphNetwork
    from sim2sg_core.model.onnx_export import export_onnx

__all__ = [
    "Graphs",
    "ModelConfig",
    "SceneGraphNetwork",
    "build_network",
    "export_onnx",
    "load_checkpoint",
    "load_network",
    "load_start",
    "save_checkpoint",
]

_HOMES = {
    "Graphs": "network",
    "ModelConfig": "model_config",
    "SceneGraphNetwork": "network",
    "build_network": "checkpoint",
    "export_onnx": "onnx_export",
    "load_checkpoint": "checkpoint",
    "load_network": "checkpoint",
    "load_start": "checkpoint",
    "save_checkpoint": "checkpoint",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
