"""From graphs in 2D to scenes in 3D: depth fusion, the ground, layouts."""

from sim2sg_core.lifting.fusion import fuse_depth
from sim2sg_core.lifting.ground import MountPrior, estimate_mount
from sim2sg_core.lifting.lift import lift_graph

__all__ = ["MountPrior", "estimate_mount", "fuse_depth", "lift_graph"]
