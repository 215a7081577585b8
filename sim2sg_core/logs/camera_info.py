"""Cameras from calibrations: CameraInfo messages, and the one check that every calibration has to pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.limits import IMAGE_SIDE
from sim2sg_core.scene import Camera

_MODELS = {
    "": "plumb_bob",
    "none": "plumb_bob",
    "plumb_bob": "plumb_bob",
    "radtan": "plumb_bob",
    "radial-tangential": "plumb_bob",
    "rational_polynomial": "rational_polynomial",
    "equidistant": "equidistant",
    "equi": "equidistant",
    "fisheye": "equidistant",
    "kannala_brandt4": "equidistant",
}
_COEFFICIENTS = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}


def camera_from_info(message: Any, rectified: bool) -> Camera | None:
    """Turns a sensor_msgs/CameraInfo (ROS 1 or 2) into a camera.

    Args:
        message: The message; K, D, P may be spelled in either case.
        rectified: The images are rectified: P holds, without distortion.

    Returns:
        The camera of the delivered image (region of interest and binning applied); None for the zeros of an
        uncalibrated camera.

    Raises:
        Sim2SGError: See `make_camera`; or binning leaves no pixel.
    """

    def array(name: str, *shape: int) -> np.ndarray:
        value = np.asarray(getattr(message, name, getattr(message, name.upper(), ())), float)
        if shape and value.size != np.prod(shape):
            raise Sim2SGError(f"its {name.upper()} has {value.size} numbers, not {np.prod(shape)}")
        return value.reshape(shape) if shape else value.ravel()

    K = array("p", 3, 4)[:, :3] if rectified else array("k", 3, 3)
    if not K.any():
        return None
    width, height = int(message.width), int(message.height)
    roi = message.roi
    if roi.width and roi.height:
        width, height = int(roi.width), int(roi.height)
        shift = np.eye(3)
        shift[:2, 2] = -roi.x_offset, -roi.y_offset
        K = shift @ K
    camera = make_camera(width, height, K, np.zeros(0) if rectified else array("d"), message.distortion_model)
    binned = width // max(1, message.binning_x), height // max(1, message.binning_y)
    if min(binned) < 1:
        binning = f"{message.binning_x}x{message.binning_y}"
        raise Sim2SGError(f"binning of {binning} leaves nothing of {width}x{height} pixels")
    return camera.scaled(*binned)


def make_camera(width: int, height: int, K: np.ndarray, distortion: Any, model: str) -> Camera:
    """Builds a camera from a calibration of any origin.

    Args:
        width: Pixels.
        height: Pixels.
        K: (3, 3) intrinsics.
        distortion: Coefficients. All zeros are no distortion for the models of OpenCV's pinhole; an equidistant
            lens bends by its angle even so.
        model: Name as in sensor_msgs/CameraInfo, Kalibr or OpenCV; "" for plumb_bob.

    Raises:
        Sim2SGError: Numbers that are not finite or not those of a camera, no size, or an unknown model.
    """
    K, d = np.asarray(K, float), np.asarray(distortion, float).ravel()
    if not (1 <= width <= IMAGE_SIDE and 1 <= height <= IMAGE_SIDE):
        raise Sim2SGError(f"the calibration is for images of {width}x{height}: give one with their size")
    if K.shape != (3, 3) or not (np.isfinite(K).all() and np.isfinite(d).all()):
        raise Sim2SGError("the calibration holds numbers that are not finite: calibrate again")
    if min(K[0, 0], K[1, 1]) <= 0 or np.abs(K).max() > 1e7 or np.abs(d).max(initial=0.0) > 1e7:
        raise Sim2SGError(f"the focal lengths are {K[0, 0]:g} {K[1, 1]:g}: they must be above zero; calibrate again")
    if not np.allclose(K[[1, 2, 2], [0, 0, 1]], 0) or not np.isclose(K[2, 2], 1):
        raise Sim2SGError("K is not the matrix of a camera (fx s cx; 0 fy cy; 0 0 1): calibrate again")
    name = _MODELS.get(model.strip().lower())
    if name != "equidistant" and not d.any():
        return Camera(width, height, K)
    if name is None:
        raise Sim2SGError(
            f"distortion model {printable(model)!r} is not known (focal length {K[0, 0]:.1f} {K[1, 1]:.1f} px): use"
            " plumb_bob, rational_polynomial or equidistant, or rectified images"
        )
    if name == "plumb_bob" and d[5:].any():
        name = "rational_polynomial"  # as drivers of the Azure Kinect name it
    used = _COEFFICIENTS[name]
    if d[used:].any():
        raise Sim2SGError(
            f"{d.size} coefficients of {name}, of which {used} are known (none for thin prisms or a tilted sensor):"
            " calibrate with fewer, or use rectified images"
        )
    if name == "equidistant":
        d = np.pad(d[:used], (0, max(0, used - d.size)))
    return Camera(width, height, K, None, d[:used], name)
