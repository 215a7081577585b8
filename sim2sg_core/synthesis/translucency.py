"""Translucent parts: which instances have them, and how they are blended over the finished opaque picture.

Three draws, back to front by instance: the far sides, then the near sides, both blended and neither writing depth (so
that the look does not hang on the order of a mesh's triangles), then the near sides again for depth and id alone.
Within an instance, parts blend in the order of its mesh. Refraction is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import moderngl
import numpy as np

from sim2sg_core.synthesis.render_scene import Instance

ALL, OPAQUE, TRANSLUCENT = 0, 1, 2  # Values of the shaders' PARTS.
ON, OFF = (True,) * 4, (False,) * 4


@dataclass(frozen=True, eq=False)
class Parts:
    """What the instances of a scene consist of.

    Attributes:
        translucent: (N,) whether any part lets light through.
        opaque: (N,) whether any part does not.
    """

    translucent: np.ndarray
    opaque: np.ndarray

    @classmethod
    def of(cls, instances: list[Instance]) -> Parts:
        """Looks at every look."""
        clear = [[look.opacity < 1 and not look.cutout for look in i.looks] for i in instances]
        return cls(np.array([any(c) for c in clear], bool), np.array([not all(c) or not c for c in clear], bool))

    def solid(self, instances: list[Instance]) -> list[Instance]:
        """Returns those with opaque parts."""
        return [i for i, opaque in zip(instances, self.opaque, strict=True) if opaque]


def blend(context: moderngl.Context, target: Any, shade: Callable, label: Callable) -> None:
    """Runs the three draws.

    Args:
        context: The context.
        target: Framebuffer of colour and id, in use, that holds the opaque picture. (Untyped: moderngl's stub knows no
            mask per attachment.)
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
