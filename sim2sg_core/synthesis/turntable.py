"""Pictures of one asset from all sides, to look at."""

from __future__ import annotations

import numpy as np

from sim2sg_core.scene.camera import Camera
from sim2sg_core.synthesis.meshes import Asset
from sim2sg_core.synthesis.render_scene import Instance, Look, RenderScene
from sim2sg_core.synthesis.renderer import Renderer


def turntable(renderer: Renderer, asset: Asset, looks: tuple[Look, ...], views: int = 4) -> np.ndarray:
    """Draws an asset from all sides on grey ground. Returns (H, views * W, 3) uint8."""
    length, width, height = asset.size
    reach = float(np.linalg.norm(asset.size))
    focal = 1.1 * renderer.width
    K = np.array([[focal, 0, renderer.width / 2], [0, focal, renderer.height / 2], [0, 0, 1]])
    distance, eye = 1.5 * reach + 0.5, 0.35 * reach + 0.4 * height
    pitch = np.arctan2(eye - 0.5 * height, distance)
    camera = Camera.from_mount(renderer.width, renderer.height, K, eye, pitch)
    size = np.array([length, width, height])
    pictures = []
    for k in range(views):
        yaw = 2 * np.pi * k / views + 0.5
        item = Instance(asset, np.array([distance, 0.0, 0.0]), yaw, size, looks, "asset")
        pictures.append(renderer.render(RenderScene(camera, (item,))).rgb)
    return np.hstack(pictures)
