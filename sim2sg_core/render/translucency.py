"""Translucent parts: which instances have them, and how thin ones are blended over what is finished.

Massive parts, which bend what is behind them, are drawn over the opaque picture and hide it, so they need no blending;
of other translucent parts they show nothing. Then the thin ones, in three draws, back to front by instance: the far
sides, then the near sides, both blended and neither writing depth (so that the look does not hang on the order of a
mesh's triangles), then the near sides again for depth and id alone. Within an instance, thin parts blend in the order
of its mesh, and they bend nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import moderngl
import numpy as np

from sim2sg_core.render.render_scene import Instance, Material

ALL, OPAQUE, THIN, MASSIVE = 0, 1, 2, 3  # Values of the shaders' PARTS.
ON, OFF = (True,) * 4, (False,) * 4


@dataclass(frozen=True, eq=False)
class Parts:
    """What the instances of a scene consist of.

    Attributes:
        opaque: (N,) whether any part lets no light through.
        thin: (N,) whether any part lets light straight through.
        massive: (N,) whether any part bends it.
    """

    opaque: np.ndarray
    thin: np.ndarray
    massive: np.ndarray

    @property
    def translucent(self) -> np.ndarray:
        """(N,) whether any part lets light through."""
        return self.thin | self.massive

    @classmethod
    def of(cls, instances: list[Instance]) -> Parts:
        """Looks at every look."""
        kinds = [[_kind(material) for material in i.materials] or [OPAQUE] for i in instances]
        return cls(*(np.array([kind in k for k in kinds], bool) for kind in (OPAQUE, THIN, MASSIVE)))

    def solid(self, instances: list[Instance]) -> list[Instance]:
        """Returns those with opaque parts."""
        return [i for i, opaque in zip(instances, self.opaque, strict=True) if opaque]


def _kind(material: Material) -> int:
    if material.opacity >= 1 or material.cutout:
        return OPAQUE
    return MASSIVE if material.bends else THIN


def blend(context: moderngl.Context, target: Any, shade: Callable, label: Callable) -> None:
    """Runs the three draws of thin parts.

    Args:
        context: The context.
        target: Framebuffer of colour and id, in use, that holds the picture without them. (Untyped: moderngl's stub
            knows no mask per attachment.)
        shade: Draws the colours, premultiplied; its argument is the side, -1.0 for the far one and 1.0 for the near.
        label: Draws the ids.
    """
    context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE | moderngl.BLEND)
    context.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
    context.depth_func = "<"
    target.color_mask, target.depth_mask = (ON, OFF), False
    for culled, side in (("front", -1.0), ("back", 1.0)):
        context.cull_face = culled
        shade(side)
    context.disable(moderngl.BLEND)
    target.color_mask, target.depth_mask = (OFF, ON), True
    label()
    target.color_mask = (ON, ON)
