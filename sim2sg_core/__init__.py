"""Scene graphs for robots, learned from unlabelled camera logs."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim2sg_core.api.graph import Graph, read_graphs, to_coco, write_graphs
    from sim2sg_core.api.model import Model, load
    from sim2sg_core.errors import Sim2SGError
    from sim2sg_core.scene.camera import Camera

# Before torch or onnxruntime load OpenMP: threads that spin while they wait starve everybody else on shared cores
# (measured: training on two busy cores 6x slower).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Before onnxruntime is imported, whose builds of 2026 send usage data unless they are told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
__all__ = ["Camera", "Graph", "Model", "Sim2SGError", "load", "read_graphs", "to_coco", "write_graphs"]

# Imported when they are asked for, so that `import sim2sg_core` takes milliseconds.
_HOMES = {
    "Camera": "scene.camera",
    "Graph": "api.graph",
    "Model": "api.model",
    "Sim2SGError": "errors",
    "load": "api.model",
    "read_graphs": "api.graph",
    "to_coco": "api.graph",
    "write_graphs": "api.graph",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
