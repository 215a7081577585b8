"""Graphs as they come in the viewer of Rerun: image, boxes, 3D boxes, relations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2sg_core.report.rerun_recording import RerunRecording
from sim2sg_core.scene import SceneGraph
from sim2sg_core.scene.layout import world_yaw

WORLD, CAMERA, IMAGE = "world", "world/camera", "world/camera/image"
LEVEL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""(3, 3) from the optical frame of a level camera to the world's: x forward, y left, z up."""


class RerunView(RerunRecording):
    """Frames one after the other, each with its graph.

    The world's frame is level, x forward, y left, z up, on the ground under the camera where that is known.
    """

    def __init__(self, target: str, classes: Sequence[str], predicates: Sequence[str]) -> None:
        """Begins a recording; see `RerunRecording`."""
        super().__init__(target, classes, predicates)
        self._count = 0
        self._recording.log(WORLD, self._rerun.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)

    def show(self, image: np.ndarray, graph: SceneGraph) -> None:
        """Adds a frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            graph: What is to be shown of it, already thresholded.
        """
        self._recording.set_time("frame", sequence=self._count)
        if graph.stamp:
            self._recording.set_time("stamp", timestamp=np.datetime64(graph.stamp, "ns"))
        self._count += 1
        self._image(IMAGE, image)
        to_world = self._camera(graph)
        words, colors = self._graph(IMAGE, graph)
        self._boxes_3d(graph, to_world, words, colors)

    def _camera(self, graph: SceneGraph) -> np.ndarray:
        """Shows where the camera is and what it sees. Returns (4, 4) from its frame to the world's."""
        to_world = np.eye(4)
        to_world[:3, :3] = LEVEL
        camera = graph.camera
        if camera is None:
            return to_world
        if camera.ground is not None:
            to_world = camera.T_world_camera
        self._recording.log(
            CAMERA,
            self._rerun.Transform3D(mat3x3=to_world[:3, :3], translation=to_world[:3, 3]),
            self._rerun.Pinhole(image_from_camera=camera.K, resolution=(camera.width, camera.height)),
        )
        return to_world

    def _boxes_3d(
        self, graph: SceneGraph, to_world: np.ndarray, words: list[str], colors: list[tuple[int, int, int]]
    ) -> None:
        rerun = self._rerun
        known = [(i, item.pose) for i, item in enumerate(graph.objects) if item.pose is not None]
        boxes = rerun.Boxes3D(
            centers=[to_world[:3, :3] @ pose.position + to_world[:3, 3] for _, pose in known],
            half_sizes=[np.asarray(pose.size) / 2 for _, pose in known],
            rotation_axis_angles=[rerun.RotationAxisAngle((0, 0, 1), radians=world_yaw(pose.yaw)) for _, pose in known],
            labels=[words[i] for i, _ in known],
            colors=[colors[i] for i, _ in known],
        )
        self._recording.log(f"{WORLD}/objects", boxes)
