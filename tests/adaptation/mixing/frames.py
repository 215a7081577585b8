"""A real frame of grey ground, and graphs of what stands on it."""

import cv2
import numpy as np

from sim2sg_core.scene import Placement, SceneGraph, SceneObject


def write_frame(path, camera):
    """Writes noisy ground as PNG and returns it, RGB."""
    rng = np.random.default_rng(0)
    image = rng.normal(120, 6, (camera.height, camera.width, 3)).clip(0, 255).astype(np.uint8)
    cv2.imwrite(str(path), image[..., ::-1])
    return image


def inferred(camera, scores=(), places=(), label="cube", size=1.0):
    """Objects on the ground, with the boxes in which they are seen."""
    objects = []
    for score, (x, y) in zip(scores, places, strict=True):
        placement = Placement(label, np.array([x, y, 0.0]), 0.0, np.full(3, size))
        pixels = camera.project(camera.to_camera(placement.corners()))
        box = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
        objects.append(SceneObject(label, score, box, placement.to_pose(camera)))
    return SceneGraph(camera.width, camera.height, tuple(objects), camera=camera)
