"""The camera of a live image, from the latest sensor_msgs/CameraInfo and the node's parameters."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.camera_info import camera_from_info
from sim2sg_core.scene import Camera
from sim2sg_core.scene.turning import turned_camera
from sim2sg_ros.parameters import NodeParameters


class CameraCalibration:
    """Keeps the latest CameraInfo of a camera, and the `Camera` made of it.

    `update` runs on the executor, `camera` in the inference thread.

    Attributes:
        problem: Why the CameraInfo is not used, in one line; "" when it is.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._latest: tuple[CameraInfo | None, tuple[Any, ...]] = None, ()  # with its `_content`
        self._camera: Camera | None = None
        self._made_of: tuple[Any, ...] = ()

    @property
    def received(self) -> bool:
        """Whether there is any CameraInfo."""
        return self._latest[0] is not None

    def update(self, message: CameraInfo) -> None:
        """Takes a CameraInfo; the one before stays the same object until another calibration comes."""
        message.header = Header()  # It alone changes from image to image.
        content = _content(message)
        if content != self._latest[1]:
            self._latest = message, content

    def camera(
        self,
        width: int,
        height: int,
        parameters: NodeParameters,
        trained_for: Camera | None = None,
        rotate: int = 0,
        topic: str = "",
    ) -> Camera | None:
        """Returns the camera of images of this size once they are turned, and sets `problem`.

        Args:
            width: Of the image, pixels.
            height: Likewise.
            parameters: `rectified`, and the camera's mount.
            trained_for: The camera that the model was trained for: its mount counts where no parameter gives one, and
                its intrinsics where there is no CameraInfo.
            rotate: Degrees by which the images are turned, clockwise. The mount is that of the turned images.
            topic: That the images come from: its name may tell that they are rectified.

        Returns:
            None leaves the image to the camera that the model was trained for. A CameraInfo that cannot be used is as
            none.
        """
        info, content = self._latest
        # The same object as long as nothing changes: it remembers what was computed of it.
        made_of = (content, parameters, trained_for, width, height, rotate, topic)
        if self._made_of != made_of:
            camera, problem = None, ""
            if info is not None:
                try:
                    camera = _calibrate(info, parameters, trained_for, width, height, rotate, topic)
                except Sim2SGError as error:
                    problem = str(error)
            if camera is None:
                camera = _assumed(parameters, trained_for, width, height, rotate)
            self._camera, self.problem, self._made_of = camera, problem, made_of
        return self._camera


def _content(info: CameraInfo) -> tuple[Any, ...]:
    """Returns what a camera depends on, to be compared.

    The messages themselves are not: to rosidl before 2025 arrays are equal where any of their numbers are, and NaN
    never equals itself.
    """
    roi = info.roi
    region = roi.x_offset, roi.y_offset, roi.width, roi.height
    numbers = (np.asarray(values, float).tobytes() for values in (info.d, info.k, info.p))
    return info.width, info.height, info.distortion_model, *numbers, info.binning_x, info.binning_y, region


def camera_from_message(info: CameraInfo, ground: np.ndarray | None = None, *, rectified: bool = False) -> Camera:
    """Builds the camera of the images that a CameraInfo belongs to.

    Args:
        info: The calibration.
        ground: (4,) ground plane in the camera frame, None when unknown.
        rectified: The images are rectified: take P and no distortion instead of K and D.

    Raises:
        Sim2SGError: Not calibrated, not finite, or a lens model that is not known.
    """
    try:
        camera = camera_from_info(info, rectified)
    except Sim2SGError as error:
        raise Sim2SGError(f"camera_info is not used: {error}") from None
    if camera is None:
        raise Sim2SGError("camera_info is not calibrated (its focal length is zero): it is not used")
    return dataclasses.replace(camera, ground=ground)


def _calibrate(
    info: CameraInfo,
    parameters: NodeParameters,
    trained_for: Camera | None,
    width: int,
    height: int,
    rotate: int,
    topic: str,
) -> Camera:
    ground = parameters.ground(trained_for.ground if trained_for else None)
    camera = camera_from_message(info, rectified=parameters.takes_rectified(topic))
    if not camera.has_aspect(width, height):
        raise Sim2SGError(
            f"camera_info is for {camera.width}x{camera.height}, the image is {width}x{height}: it"
            " is not used; remap camera_info to this camera's own"
        )
    return dataclasses.replace(turned_camera(camera.scaled(width, height), rotate), ground=ground, rotate=0)


def _assumed(
    parameters: NodeParameters, trained_for: Camera | None, width: int, height: int, rotate: int
) -> Camera | None:
    """Returns the camera that the model was trained for, mounted as the parameters say; None where they say nothing."""
    turned = (height, width) if rotate % 180 else (width, height)
    if trained_for is None or not parameters.has_mount or not trained_for.has_aspect(*turned):
        return None
    return dataclasses.replace(trained_for.scaled(*turned), ground=parameters.ground(trained_for.ground))
