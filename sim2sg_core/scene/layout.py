"""The content of a 3D scene: what stands where. Appearance is not part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from sim2sg_core.json_reader import JsonObject, as_json_object
from sim2sg_core.limits import IMAGE_SIDE
from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.graph import Pose3D

GROUND = "ground"  # the one support that is not a class


@dataclass(frozen=True, eq=False)
class Placement:
    """One object in the world frame (level, on the ground under the camera; x forward, z up).

    Attributes:
        label: Class name of the domain.
        position: (3,) centre of the object's base, metres.
        yaw: Radians about world +z; zero when the length points along world +x.
        size: (3,) length, width, height, metres.
        asset: Name of the mesh; None lets the synthesis choose one of the class.
    """

    label: str
    position: np.ndarray
    yaw: float
    size: np.ndarray
    asset: str | None = None

    def footprint(self) -> np.ndarray:
        """Returns the (4, 2) corners of the base on the ground, counter-clockwise."""
        half = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * self.size[:2] / 2
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return half @ np.array([[c, s], [-s, c]]) + self.position[:2]

    def corners(self) -> np.ndarray:
        """Returns the (8, 3) corners of the 3D box in the world frame."""
        base = np.column_stack([self.footprint(), np.full(4, self.position[2])])
        return np.concatenate([base, base + [0, 0, self.size[2]]])

    def distance_to(self, point: np.ndarray) -> float:
        """Returns the distance of a (3,) point of the world frame from the 3D box, metres; 0 inside it."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        offset = point - self.position - [0, 0, self.size[2] / 2]
        own = np.array([c * offset[0] + s * offset[1], c * offset[1] - s * offset[0], offset[2]])
        return float(np.linalg.norm(np.maximum(np.abs(own) - self.size / 2, 0)))

    def to_pose(self, camera: Camera) -> Pose3D:
        """Returns the 3D box in the camera's frame."""
        centre = self.position + np.array([0, 0, self.size[2] / 2])
        return Pose3D(camera.to_camera(centre), camera_yaw(self.yaw), np.asarray(self.size))

    @classmethod
    def from_pose(cls, label: str, pose: Pose3D, camera: Camera) -> Placement:
        """Returns the placement of a 3D box seen by `camera`."""
        base = camera.to_world(pose.position) - np.array([0, 0, pose.size[2] / 2])
        return cls(label, base, world_yaw(pose.yaw), np.asarray(pose.size))

    def to_json(self, *, exact: bool = False) -> dict[str, Any]:
        """Returns the placement as JSON-ready numbers, rounded unless `exact`."""

        def number(value: float, digits: int) -> float:
            return float(value) if exact else round(float(value), digits)

        return {
            "class": self.label,
            "position": [number(v, 4) for v in self.position],
            "yaw": number(self.yaw, 5),
            "size": [number(v, 4) for v in self.size],
            "asset": self.asset,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any] | JsonObject) -> Placement:
        """Reads what `to_json` wrote. Raises Sim2SGError when it is of another form."""
        entry = as_json_object(data, "placement")
        position, size = entry.numbers("position", 3), entry.numbers("size", 3)
        return cls(entry.text("class"), position, entry.number("yaw"), size, entry.text("asset", None))


@dataclass(frozen=True, eq=False)
class Layout:
    """A scene's content and the camera that looks at it."""

    camera: Camera
    placements: tuple[Placement, ...]

    def to_json(self, *, exact: bool = False) -> dict[str, Any]:
        """Returns the layout as JSON-ready data, rounded unless `exact`: then it comes back to the last bit."""
        return {
            "width": self.camera.width,
            "height": self.camera.height,
            "camera": self.camera.to_json(exact=exact),
            "placements": [p.to_json(exact=exact) for p in self.placements],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any] | JsonObject) -> Layout:
        """Reads what `to_json` wrote. Raises Sim2SGError when it is of another form."""
        entry = as_json_object(data, "layout")
        width, height = entry.whole("width", 1, IMAGE_SIDE), entry.whole("height", 1, IMAGE_SIDE)
        camera = Camera.from_json(entry.object("camera"), width, height)
        return cls(camera, tuple(Placement.from_json(p) for p in entry.objects("placements")))


def world_yaw(yaw_camera: float) -> float:
    """Turns a yaw about gravity-down from camera +x into one about world +z from world +x."""
    return wrap_angle(-yaw_camera - np.pi / 2)


def camera_yaw(yaw_world: float) -> float:
    """Inverse of `world_yaw` (the same formula: the map is an involution)."""
    return wrap_angle(-yaw_world - np.pi / 2)


@overload
def wrap_angle(angle: float) -> float: ...
@overload
def wrap_angle(angle: np.ndarray) -> np.ndarray: ...
def wrap_angle(angle: float | np.ndarray) -> float | np.ndarray:
    """Wraps an angle, or an array of them, into [-pi, pi)."""
    wrapped = (angle + np.pi) % (2 * np.pi) - np.pi
    return wrapped if isinstance(wrapped, np.ndarray) else float(wrapped)
