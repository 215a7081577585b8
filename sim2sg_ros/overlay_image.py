"""The overlay: the graph, drawn on its image."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from sim2sg_core.report.overlay import draw_overlay
from sim2sg_core.scene import SceneGraph
from sim2sg_ros.image_conversions import Pixels, image_to_message

MAX_ARROWS = 12
"""Most relations shown at once, here and in the other outputs that are looked at."""


def graph_to_overlay(
    graph: SceneGraph, pixels: Pixels, header: Header, classes: Sequence[str] = (), predicates: Sequence[str] = ()
) -> Image:
    """Draws a graph on its image.

    Args:
        graph: Boxes in pixels of the image. All of it is drawn: the node's thresholds were applied before.
        pixels: The image, of either order of channels; stays as it is.
        header: The image's header.
        classes: All class names of the model, so that a class keeps its colour in every image.
        predicates: All predicate names, likewise.

    Returns:
        An rgb8 image of the same size.
    """
    rgb = cv2.cvtColor(pixels.image, cv2.COLOR_BGR2RGB) if pixels.bgr else pixels.image
    canvas = draw_overlay(rgb, graph, 0.0, 0.0, MAX_ARROWS, classes=classes, predicates=predicates)
    return image_to_message(canvas, header)
