"""From graphs in 2D to scenes in 3D: depth fusion, the ground, layouts."""

from sim2sg_core.lifting.box_lift import lift_box
from sim2sg_core.lifting.extrinsics import ExtrinsicsPrior, estimate_extrinsics
from sim2sg_core.lifting.fusion import fuse_depth
from sim2sg_core.lifting.lift import lift_graph
from sim2sg_core.lifting.refine import free_edges, refine_placement
from sim2sg_core.lifting.surfaces import visible_surfaces

__all__ = [
    "ExtrinsicsPrior",
    "estimate_extrinsics",
    "free_edges",
    "fuse_depth",
    "lift_box",
    "lift_graph",
    "refine_placement",
    "visible_surfaces",
]
