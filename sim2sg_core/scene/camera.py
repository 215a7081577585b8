"""The camera: intrinsics, lens distortion, and the ground it stands over.

Frames: the *camera* frame is optical (x right, y down, z forward). The *world* frame is level and
lies on the ground under the camera: x forward (the optical axis projected on the ground), y left,
z up (REP-103). Metres throughout.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.json_reader import JsonObject, as_json_object
from sim2sg_core.scene.lens import DISTORTION_MODELS, bends, distort_points, undistort_points

MOST_COEFFICIENTS = 14
"""Of distortion, in OpenCV's longest model."""
LEAST_NORMAL = 1e-6
TURNS = (0, 90, 180, 270)
"""Degrees by which an image may be turned."""
ASPECT_TOLERANCE = 0.02
"""Of the ratio of two aspect ratios: sizes of scaled images are rounded to whole pixels."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole or fisheye camera over a flat ground.

    Attributes:
        width: Image width, pixels.
        height: Image height, pixels.
        K: (3, 3) intrinsics, pixels.
        ground: (4,) plane [nx, ny, nz, d] in the camera frame, n·p + d = 0, n the unit normal that
            points up, so that d is the camera's height in metres; None when unknown.
        distortion: Coefficients in the order of ROS CameraInfo.D; empty for none. An equidistant lens bends by its
            angle even where they are all zero.
        distortion_model: One of `lens.DISTORTION_MODELS` (names of sensor_msgs/CameraInfo).
        rotate: One of `TURNS`, clockwise: turned by so much its images stand upright. Says where up is while the
            ground is unknown.
    """

    width: int
    height: int
    K: np.ndarray
    ground: np.ndarray | None = None
    distortion: np.ndarray = field(default_factory=lambda: np.zeros(0))
    distortion_model: str = "plumb_bob"
    rotate: int = 0

    @classmethod
    def from_extrinsics(
        cls,
        width: int,
        height: int,
        K: np.ndarray,
        height_m: float,
        pitch: float,
        roll: float = 0.0,
        **kwargs: Any,
    ) -> Camera:
        """Builds a camera from its intrinsics and its extrinsics over the ground.

        Args:
            width: Pixels.
            height: Pixels.
            K: (3, 3) intrinsics.
            height_m: Height over the ground, metres.
            pitch: Radians, positive looks down.
            roll: Radians, positive turns the camera clockwise about its optical axis.
            **kwargs: Passed on (distortion, distortion_model).
        """
        up_level = np.array([0.0, -np.cos(pitch), -np.sin(pitch)])
        c, s = np.cos(roll), np.sin(roll)
        # Seen from a camera rolled clockwise, the world turns counter-clockwise.
        normal = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]) @ up_level
        return cls(width, height, np.asarray(K, float), np.append(normal, height_m), **kwargs)

    @cached_property
    def T_world_camera(self) -> np.ndarray:
        """(4, 4) camera to world. Raises Sim2SGError when the ground is unknown."""
        if self.ground is None:
            raise Sim2SGError("the camera's pose over the ground is unknown: give height and pitch")
        up = self.ground[:3] / np.linalg.norm(self.ground[:3])
        forward = np.array([0.0, 0.0, 1.0]) - up[2] * up
        if np.linalg.norm(forward) < 1e-6:  # Looks straight down: image up is forward.
            forward = np.array([0.0, -1.0, 0.0]) + up[1] * up
        forward /= np.linalg.norm(forward)
        T = np.eye(4)
        T[:3, :3] = np.stack([forward, np.cross(up, forward), up])
        T[2, 3] = self.ground[3] / np.linalg.norm(self.ground[:3])
        return T

    @cached_property
    def _inverse_focal(self) -> np.ndarray:
        return np.linalg.inv(self.K[:2, :2])

    @property
    def focal(self) -> float:
        """Focal length, pixels: the mean of both axes."""
        return float(self.K[0, 0] + self.K[1, 1]) / 2

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """Maps (..., 3) points from the camera frame to the world frame."""
        T = self.T_world_camera
        return np.asarray(points) @ T[:3, :3].T + T[:3, 3]

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Maps (..., 3) points from the world frame to the camera frame."""
        T = self.T_world_camera
        return (np.asarray(points) - T[:3, 3]) @ T[:3, :3]

    def project(self, points: np.ndarray) -> np.ndarray:
        """Projects (..., 3) camera-frame points, z > 0, to (..., 2) pixels of the (distorted) image."""
        points = np.asarray(points, float)
        normalised = distort_points(points[..., :2] / points[..., 2:3], self.distortion, self.distortion_model)
        return normalised @ self.K[:2, :2].T + self.K[:2, 2]

    @property
    def is_pinhole(self) -> bool:
        """Whether its lens bends no rays."""
        return not bends(self.distortion, self.distortion_model)

    def without_lens(self) -> Camera:
        """Returns the pinhole camera with the same K."""
        return dataclasses.replace(self, distortion=np.zeros(0), distortion_model="plumb_bob")

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Returns (..., 3) camera-frame rays with z = 1 through (..., 2) pixels; NaN where no such ray leads.

        No ray leads to the rim of a fisheye's image that looks sideways or back, nor to where a lens model folds.
        """
        rays, seen = self.bounded_rays(pixels)
        return np.where(seen[..., None], rays, np.nan)

    @cached_property
    def widest(self) -> float:
        """Tangent of the angle to the optical axis up to which the lens shows what is there; inf for a pinhole.

        Beyond it a lens model folds, so that `project` tells nonsense.
        """
        if self.is_pinhole:
            return np.inf
        rays, _ = self.bounded_rays(self.K[:2, 2] + [1e9, 0.0])
        return float(np.hypot(*rays[:2]))

    def bounded_rays(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns rays as `rays`, else the outermost of the lens; and (...,) bool: where there is one."""
        pixels = np.asarray(pixels, float)
        normalised = (pixels - self.K[:2, 2]) @ self._inverse_focal.T
        normalised, seen = undistort_points(normalised, self.distortion, self.distortion_model)
        return np.concatenate([normalised, np.ones_like(normalised[..., :1])], axis=-1), seen

    def ground_depth(self, pixels: np.ndarray, height_m: float | np.ndarray = 0.0) -> np.ndarray:
        """Depth z (metres) at which rays meet the plane `height_m` above the ground.

        Args:
            pixels: (..., 2) pixels.
            height_m: Height of the plane over the ground.

        Returns:
            (...,) depths; inf for rays that never meet it.
        """
        if self.ground is None:
            raise Sim2SGError("the camera's pose over the ground is unknown: give height and pitch")
        return plane_depth(self.rays(pixels) @ self.ground[:3], self.ground[3] - np.asarray(height_m))

    def has_aspect(self, width: int, height: int) -> bool:
        """Whether an image may be this camera's, resized. Another aspect ratio means another camera, or a crop."""
        return abs((width / height) / (self.width / self.height) - 1) <= ASPECT_TOLERANCE

    def scaled(self, width: int, height: int) -> Camera:
        """Returns the camera of the image resized to width x height; itself when that is its size."""
        if (width, height) == (self.width, self.height):
            return self
        sx, sy = width / self.width, height / self.height
        return dataclasses.replace(self, width=width, height=height, K=np.diag([sx, sy, 1.0]) @ self.K)

    def to_json(self, *, exact: bool = False) -> dict[str, Any]:
        """Returns K, ground and, where there is any, distortion; K and ground rounded unless `exact`."""
        K, ground = np.asarray(self.K, float), self.ground
        if not exact:
            K, ground = K.round(6), None if ground is None else np.asarray(ground).round(8)
        data: dict[str, Any] = {"K": K.tolist(), "ground": None if ground is None else ground.tolist()}
        if not self.is_pinhole:
            data["distortion"] = np.asarray(self.distortion, float).tolist()
            data["distortion_model"] = self.distortion_model
        if self.rotate:
            data["rotate"] = self.rotate
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any] | JsonObject, width: int, height: int) -> Camera:
        """Reads what `to_json` wrote.

        Raises:
            Sim2SGError: A part is missing, of another form, not finite, or no camera can have it.
        """
        data = as_json_object(data, "camera")
        K, ground = data.numbers("K", 3, 3), data.numbers("ground", 4, default=None)
        if min(K[0, 0], K[1, 1]) <= 0 or np.linalg.det(K[:2, :2]) <= 0 or K[2].tolist() != [0, 0, 1]:
            raise data.error("K", "focal lengths above 0 and a last row of 0 0 1 are wanted")
        if ground is not None and not np.linalg.norm(ground[:3]) > LEAST_NORMAL:
            raise data.error("ground", "its normal, the first three numbers, has no direction")
        distortion = data.numbers("distortion", -1, default=np.zeros(0))
        model = data.text("distortion_model", "plumb_bob")
        if len(distortion) > MOST_COEFFICIENTS or (len(distortion) and model not in DISTORTION_MODELS):
            known = ", ".join(DISTORTION_MODELS)
            raise data.error("distortion", f"at most {MOST_COEFFICIENTS} numbers by one of {known} are wanted")
        rotate = data.whole("rotate", default=0)
        if rotate not in TURNS:
            raise data.error("rotate", f"one of {', '.join(map(str, TURNS))} is wanted")
        return cls(width, height, K, ground, distortion, model, rotate)


def plane_depth(slope: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Returns depths z at which rays (z = 1) meet a plane; inf for those that never do.

    Args:
        slope: (...,) ray times the plane's normal.
        gap: (...,) distance of the camera from the plane, along the normal.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = -gap / slope
    return np.where((depth > 0) & np.isfinite(depth), depth, np.inf)
