"""The camera of each frame of some logs, found once per camera."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from sim2sg_core.lifting.extrinsics import extrinsics_of_ground
from sim2sg_core.logs.camera_calibration import resolve_camera
from sim2sg_core.logs.camera_log import LogFrame
from sim2sg_core.scene import Camera


class FrameCameras:
    """Finds the camera of each frame, and says what it found whenever that changes."""

    def __init__(
        self,
        camera_file: Path | None = None,
        extrinsics: tuple[float | None, float | None, float | None] = (None, None, None),
        fallback: Camera | None = None,
        tell: Callable[[str], object] = lambda line: None,
    ) -> None:
        """Keeps what is given by hand; see `resolve_camera` for the first three.

        Args:
            camera_file: Calibration, or a folder of one for every image.
            extrinsics: Height (m), pitch and roll (rad), each or None.
            fallback: Gives the intrinsics when nothing else does.
            tell: Called with a line about the camera, first and whenever it changes.
        """
        self._file, self._extrinsics, self._fallback, self._tell = camera_file, extrinsics, fallback, tell
        self._known: dict[tuple[str, str, int, int], Camera | None] = {}
        self._told = ""

    def find(self, frame: LogFrame, width: int, height: int) -> Camera | None:
        """Returns the camera of a frame, None when unknown."""
        # A folder of calibrations may hold one for every image.
        name = frame.name if self._file is not None and self._file.is_dir() else ""
        log = frame.log
        key = (str(log.path), name, width, height)
        if key not in self._known:
            self._known[key] = resolve_camera(
                log,
                frame.topic,
                width,
                height,
                camera_file=self._file,
                extrinsics=self._extrinsics,
                fallback=self._fallback,
                name=name,
            )
            told = describe_camera(self._known[key])
            if told != self._told:
                self._told = told
                self._tell(f"{log.name}: {told}")
        return self._known[key]


def describe_camera(camera: Camera | None) -> str:
    """Returns in one line what 3D poses stand on."""
    if camera is None:
        return "no camera known, so no 3D poses: give --camera FILE"
    if camera.ground is None:
        return f"focal length {camera.focal:.0f} px, height unknown: depth from the network alone"
    height, pitch, _ = extrinsics_of_ground(camera.ground)
    degrees = round(math.degrees(pitch), 1) + 0.0  # never -0.0
    return f"focal length {camera.focal:.0f} px, {height:.2f} m up, pitch {degrees} degrees"
