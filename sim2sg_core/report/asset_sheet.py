"""Draws meshes on a sheet, each from before its front, with its name and size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np

from sim2sg_core.render.meshes import Asset
from sim2sg_core.render.render_scene import Fog, Instance, Light, Material, RenderScene, Sky
from sim2sg_core.render.renderer import Renderer
from sim2sg_core.report.sheets import contact_sheet
from sim2sg_core.scene import Camera
from sim2sg_core.synthesis.appearance import Painter

TILE, COLUMNS = 256, 6
FOCAL = 2.4  # times the tile's width: a long lens
TURN_DEG, PITCH_DEG = 35.0, 20.0  # of the view away from the front, and down
SAME_LENGTH = 2.0  # metres; things are drawn as large as this, so that one camera fits all
LIGHTS = (Light((-0.5, 0.45, 0.75), (1.5, 1.45, 1.35), directional=True), Light((-0.6, -0.7, 0.4), (0.5,) * 3, True))


def asset_sheet(
    assets: Iterable[tuple[str, Asset]], seed: int = 0, done: Callable[[int], object] | None = None
) -> np.ndarray:
    """Draws assets.

    Args:
        assets: What is written beneath each, and the asset.
        seed: Paint is drawn from it.
        done: Told of every one that is drawn.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    renderer = Renderer(TILE, TILE, shadow_size=512, samples=4)
    tiles = []
    for k, (text, asset) in enumerate(assets):
        image = renderer.render(_scene(asset, np.random.default_rng([seed, k])), depth=False, visibility=False).rgb
        tiles.append(_labelled(image, (text, " x ".join(f"{v:.3g}" for v in asset.size) + " m")))
        if done is not None:
            done(1)
    renderer.release()
    return contact_sheet(tiles, min(COLUMNS, len(tiles)), TILE)


def _scene(asset: Asset, rng: np.random.Generator) -> RenderScene:
    size = np.array(asset.size) * SAME_LENGTH / float(np.linalg.norm(asset.size))
    pitch = np.radians(PITCH_DEG)
    away = FOCAL * SAME_LENGTH * 1.05
    K = np.array([[FOCAL * TILE, 0, TILE / 2], [0, FOCAL * TILE, TILE / 2], [0, 0, 1]])
    height = size[2] / 2 + away * np.sin(pitch)
    camera = Camera.from_extrinsics(TILE, TILE, K, float(height), float(pitch), 0.0)
    yaw = np.pi - np.radians(TURN_DEG)
    position = np.array([away * np.cos(pitch), 0.0, 0.0])
    instance = Instance(asset, position, float(yaw), size, Painter().materials(asset, rng), "thing")
    return RenderScene(
        camera,
        (instance,),
        LIGHTS,
        ground=Material((0.42, 0.42, 0.42), roughness=0.9, specular=0.1),
        sky=Sky((0.5, 0.55, 0.6), (0.6, 0.62, 0.64)),
        fog=Fog(),
    )


def _labelled(image: np.ndarray, lines: Sequence[str]) -> np.ndarray:
    tile = image.copy()
    for k, text in enumerate(reversed(lines)):
        place = (4, TILE - 6 - 14 * k)
        for color, thickness in (((255, 255, 255), 3), ((0, 0, 0), 1)):
            cv2.putText(tile, text[:42], place, cv2.FONT_HERSHEY_SIMPLEX, 0.37, color, thickness, cv2.LINE_AA)
    return tile
