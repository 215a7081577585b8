"""The scene-graph network (torch): architecture, losses, checkpoints, export."""

from sim2sg_core.model.checkpoint import build_network, load_checkpoint, load_network, save_checkpoint
from sim2sg_core.model.config import ModelConfig
from sim2sg_core.model.export import export_onnx
from sim2sg_core.model.network import Graphs, SceneGraphNetwork

__all__ = [
    "Graphs",
    "ModelConfig",
    "SceneGraphNetwork",
    "build_network",
    "export_onnx",
    "load_checkpoint",
    "load_network",
    "save_checkpoint",
]
