"""From 3D to pixels: clip matrices, boxes clipped at the near plane, shadow frusta."""

from __future__ import annotations

import numpy as np

from sim2sg_core.render.meshes import Asset
from sim2sg_core.render.render_scene import Instance
from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.layout import Placement

NEAR = 0.1
FAR = 1000.0


def view_matrix(camera: Camera) -> np.ndarray:
    """(4, 4) world to camera."""
    T = camera.T_world_camera
    view = np.eye(4)
    view[:3, :3] = T[:3, :3].T
    view[:3, 3] = -T[:3, :3].T @ T[:3, 3]
    return view


def clip_matrix(camera: Camera, near: float = NEAR, far: float = FAR) -> np.ndarray:
    """(4, 4) camera frame to clip space, pixel row 0 at y = -1, so that the first row read back is the top one."""
    K, w, h = camera.K, camera.width, camera.height
    return np.array(
        [
            [2 * K[0, 0] / w, 2 * K[0, 1] / w, 2 * K[0, 2] / w - 1, 0],
            [0, 2 * K[1, 1] / h, 2 * K[1, 2] / h - 1, 0],
            [0, 0, (far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, 1, 0],
        ]
    )


def image_extent(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Returns (..., 4) xyxy pixels round the images of (..., V, 3) camera-frame points, all of them with z > 0.

    Distortion of the lens is left out, as in what is drawn.
    """
    pixels = points[..., :2] / points[..., 2:] @ camera.K[:2, :2].T + camera.K[:2, 2]
    return np.concatenate([pixels.min(-2), pixels.max(-2)], axis=-1)


def amodal_box(points: np.ndarray, camera: Camera, near: float = NEAR) -> np.ndarray:
    """Extent of a solid's projection, whatever hides it, clipped at the near plane but not to the image.

    Args:
        points: (V, 3) vertices of its convex hull in the camera frame, metres.
        camera: The (pinhole) lens.
        near: Depth in metres before which nothing is seen.

    Returns:
        (4,) xyxy pixels; NaN when all of it lies behind the near plane.
    """
    depth = points[:, 2]
    front = depth >= near
    if not front.any():
        return np.full(4, np.nan)
    kept = points[front]
    if not front.all():
        # Segments between any two points lie inside the hull, and its own edges are among them.
        a, b = points[front][:, None], points[~front][None]
        share = (a[..., 2] - near) / (a[..., 2] - b[..., 2])
        kept = np.concatenate([kept, (a + share[..., None] * (b - a)).reshape(-1, 3)])
    return image_extent(kept, camera)


def cuboid_box(placement: Placement, camera: Camera) -> np.ndarray:
    """Returns the (4,) extent of a placement's 3D box, xyxy pixels, as `amodal_box` gives it."""
    return amodal_box(camera.to_camera(placement.corners()), camera)


class Hulls:
    """Outermost vertices of unit meshes, found once per asset: boxes need no others."""

    def __init__(self) -> None:
        """Starts empty."""
        self._known: dict[int, tuple[Asset, np.ndarray]] = {}

    def of(self, asset: Asset) -> np.ndarray:
        """Returns (V, 3) vertices of the asset's convex hull, unit frame."""
        key = id(asset)
        if key not in self._known:
            if len(self._known) > 2000:  # Assets made for a single frame would pile up.
                self._known.clear()
            self._known[key] = (asset, extreme_points(asset.mesh.vertices.astype(float)))
        return self._known[key][1]

    def amodal_boxes(
        self, instances: list[Instance], matrices: np.ndarray, wanted: np.ndarray, camera: Camera
    ) -> np.ndarray:
        """Projects meshes.

        Args:
            instances: N instances.
            matrices: (N, 3, 4) object to world.
            wanted: (N,) which of them to project.
            camera: Sees them.

        Returns:
            (N, 4) xyxy as of `amodal_box`, NaN where not wanted.
        """
        view = view_matrix(camera)
        boxes = np.full((len(instances), 4), np.nan)
        for k in np.flatnonzero(wanted):
            to_camera = view[:3, :3] @ matrices[k, :, :3]
            points = self.of(instances[k].asset) @ to_camera.T
            boxes[k] = amodal_box(points + (view[:3, :3] @ matrices[k, :, 3] + view[:3, 3]), camera)
        return boxes


def extreme_points(points: np.ndarray, directions: int = 1500) -> np.ndarray:
    """Returns the points that lie farthest in one of many directions.

    What is missed of the convex hull lies less than a thousandth of the size inside it.
    """
    k = np.arange(directions) + 0.5  # Fibonacci's even spread over the sphere.
    polar, turn = np.arccos(1 - 2 * k / directions), np.pi * (1 + 5**0.5) * k
    spread = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)])
    spread = np.concatenate([spread, np.eye(3), -np.eye(3)], axis=1)
    unique = np.unique(points, axis=0)
    return unique[np.unique((spread.T @ unique.T).argmax(axis=1))]  # along rows: five times as fast as down columns


def shadow_matrix(
    towards: np.ndarray, directional: bool, target: np.ndarray, centre: np.ndarray, radius: float
) -> np.ndarray:
    """(4, 4) world to clip space of a light that sees the sphere (centre, radius).

    Args:
        towards: Direction to the sun, or position of a lamp.
        directional: Which of both.
        target: Where a lamp points; unused for the sun.
        centre: (3,) metres.
        radius: Metres.
    """
    if directional:
        forward = -towards / np.linalg.norm(towards)
        eye = centre - forward * (radius * 2)
    else:
        forward = centre - towards
        forward = forward / np.linalg.norm(forward)
        eye = towards
    side = np.cross(forward, [0.0, 0.0, 1.0] if abs(forward[2]) < 0.99 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    view = np.eye(4)
    view[:3, :3] = np.stack([side, np.cross(side, forward), -forward])
    view[:3, 3] = -view[:3, :3] @ eye
    distance = float(np.linalg.norm(centre - eye))
    near, far = max(distance - radius, 0.05 * distance), distance + radius
    if directional:
        lens = np.diag([1 / radius, 1 / radius, -2 / (far - near), 1.0])
        lens[2, 3] = -(far + near) / (far - near)
    else:
        half = radius / np.sqrt(max(distance**2 - radius**2, 0.04 * distance**2))
        lens = np.zeros((4, 4))
        lens[0, 0] = lens[1, 1] = 1 / half
        lens[2, 2], lens[2, 3] = -(far + near) / (far - near), -2 * far * near / (far - near)
        lens[3, 2] = -1
    return lens @ view
