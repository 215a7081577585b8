"""Cameras from CameraInfo, ROS YAML files and KITTI calibrations."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sim2sg_core.errors import Sim2SGError, first_line
from sim2sg_core.lifting.extrinsics import extrinsics_of_ground, ground_of_extrinsics
from sim2sg_core.logs.camera_log import Log
from sim2sg_core.scene import Camera

logger = logging.getLogger(__name__)

_MODELS = {
    "": "plumb_bob",
    "plumb_bob": "plumb_bob",
    "rational_polynomial": "rational_polynomial",
    "equidistant": "equidistant",
    "fisheye": "equidistant",
}
KITTI_KEYS = ("P2", "P_rect_02")
"""Projection matrices of KITTI's left colour camera: object and tracking sets, and raw drives."""


def camera_from_info(message: Any, rectified: bool, source: str) -> Camera | None:
    """Turns a sensor_msgs/CameraInfo (ROS 1 or 2) into a camera.

    Args:
        message: The message; K, D, P may be spelled in either case.
        rectified: The images are rectified: P holds, without distortion.
        source: Named in errors.

    Returns:
        The camera of the delivered image (region of interest and binning applied); None for the zeros of an
        uncalibrated camera.
    """

    def array(name: str) -> np.ndarray:
        return np.asarray(getattr(message, name, getattr(message, name.upper(), ())), float)

    K = array("p").reshape(3, 4)[:, :3] if rectified else array("k").reshape(3, 3)
    if K[0, 0] <= 0:
        return None
    width, height = int(message.width), int(message.height)
    roi = message.roi
    if roi.width and roi.height:
        width, height = int(roi.width), int(roi.height)
        shift = np.eye(3)
        shift[:2, 2] = -roi.x_offset, -roi.y_offset
        K = shift @ K
    coefficients = np.zeros(0) if rectified else array("d")
    camera = make_camera(width, height, K, coefficients, message.distortion_model, source)
    return camera.scaled(width // max(1, message.binning_x), height // max(1, message.binning_y))


def make_camera(width: int, height: int, K: np.ndarray, distortion: np.ndarray, model: str, source: str) -> Camera:
    """Builds a camera; coefficients that are all zero count as no distortion."""
    distortion = np.asarray(distortion, float).ravel()
    if not distortion.any():
        return Camera(width, height, np.asarray(K, float))
    if model not in _MODELS:
        raise Sim2SGError(
            f"{source}: distortion model {model!r} is not known: use plumb_bob, rational_polynomial"
            " or equidistant, or rectified images"
        )
    return Camera(width, height, np.asarray(K, float), None, distortion, _MODELS[model])


def load_calibration(path: Path | str, width: int, height: int, name: str = "") -> Camera:
    """Reads a camera from a file.

    Args:
        path: ROS YAML (as camera_calibration writes it), a KITTI calibration file, or a KITTI folder: one of
            a raw drive's day, with calib_cam_to_cam.txt, or one with a file for every image.
        width: Of the images it is for, pixels. A calibration of another size is scaled.
        height: The same.
        name: Name of the image, to choose its own file from a folder of many.

    Returns:
        The camera, ground unknown.

    Raises:
        Sim2SGError: No such file, not a calibration, or one of another aspect ratio.
    """
    path = Path(path)
    if path.is_dir():
        path = _file_of(path, name)
    if not path.is_file():
        raise Sim2SGError(f"{path}: no such file: give a ROS camera YAML or a KITTI calibration")
    text = path.read_text(encoding="utf-8", errors="replace")
    camera = (_from_yaml if path.suffix in (".yaml", ".yml") else _from_kitti)(text, path, width, height)
    if not camera.has_aspect(width, height):
        raise Sim2SGError(
            f"{path}: calibrated for {camera.width}x{camera.height}, and the images are {width}x{height}:"
            " give the calibration of this camera at this aspect ratio"
        )
    return camera.scaled(width, height)


def resolve_camera(
    log: Log,
    topic: str,
    width: int,
    height: int,
    *,
    camera_file: Path | str | None = None,
    extrinsics: tuple[float | None, float | None, float | None] = (None, None, None),
    fallback: Camera | None = None,
    name: str = "",
) -> Camera | None:
    """Finds the camera of a log: what is given by hand, then what the log tells, then a fall-back.

    Args:
        log: The log.
        topic: Its image topic.
        width: Of its images, pixels.
        height: The same.
        camera_file: See `load_calibration`; goes before CameraInfo.
        extrinsics: Height (m), pitch and roll (rad) given by hand; those that are None come from /tf_static,
            then from the fall-back's ground, then (roll and pitch) are zero.
        fallback: Gives the intrinsics, scaled, when nothing else does and its aspect ratio is the images'.
        name: See `load_calibration`.

    Returns:
        The camera; None when its intrinsics are unknown. Its ground is None when no height is known.
    """
    camera = load_calibration(camera_file, width, height, name) if camera_file else log.camera(topic)
    if camera is not None and not camera.has_aspect(width, height):
        size = f"{camera.width}x{camera.height} and the images are {width}x{height}"
        logger.warning("%s: CameraInfo is for %s: not used", log.path, size)
        camera = None
    usable = fallback if fallback is not None and fallback.has_aspect(width, height) else None
    camera = camera or usable
    if camera is None:
        return None
    return resolve_extrinsics(camera.scaled(width, height), extrinsics, log.extrinsics(topic), usable)


def resolve_extrinsics(
    camera: Camera,
    given: tuple[float | None, float | None, float | None],
    told: tuple[float, float, float] | None,
    fallback: Camera | None = None,
) -> Camera:
    """Returns the camera over its ground: each value as given, else as told by the log, else the fall-back's.

    Args:
        camera: Intrinsics; its own ground, if any, counts as told by the log.
        given: Height (m), pitch, roll (rad), each or None.
        told: From /tf_static, or None.
        fallback: A camera with a ground, or None.
    """
    known: Sequence[float] | None = told
    for source in (camera, fallback):
        if known is None and source is not None and source.ground is not None:
            known = extrinsics_of_ground(source.ground).tolist()
    height, pitch, roll = (g if g is not None else known[i] if known else None for i, g in enumerate(given))
    if height is None:
        if (pitch, roll) != (None, None):
            raise Sim2SGError("the camera's height over the ground is unknown: give --camera-height as well")
        return camera
    if height <= 0:
        raise Sim2SGError(f"the camera's height is {height:g} m: it must be above the ground")
    return replace(camera, ground=ground_of_extrinsics(np.array([height, pitch or 0.0, roll or 0.0])))


def _file_of(folder: Path, name: str) -> Path:
    """Chooses a calibration file from a folder."""
    if (raw := folder / "calib_cam_to_cam.txt").is_file():
        return raw
    files = sorted(f for f in folder.iterdir() if f.suffix in (".txt", ".yaml", ".yml"))
    own = [f for f in files if name and f.stem == Path(name).stem]
    if own or len(files) == 1:
        return (own or files)[0]
    if not files:
        raise Sim2SGError(f"{folder}: no calibration in it (calib_cam_to_cam.txt, *.txt, *.yaml)")
    if not name:
        return files[0]
    raise Sim2SGError(f"{folder}: no calibration for {name} among its {len(files)} files")


def _from_yaml(text: str, path: Path, width: int, height: int) -> Camera:
    """Reads the YAML of ROS's camera_calibration."""
    try:
        data = yaml.safe_load(text)
        K = np.array(data["camera_matrix"]["data"], float).reshape(3, 3)
        coefficients = np.array((data.get("distortion_coefficients") or {}).get("data", ()), float)
        size = int(data.get("image_width", width)), int(data.get("image_height", height))
        model = str(data.get("distortion_model", ""))
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Sim2SGError(
            f"{path}: not a ROS camera YAML ({type(error).__name__}: {first_line(error)}):"
            " it needs camera_matrix: data: [9 numbers], image_width, image_height"
        ) from None
    if K[0, 0] <= 0 or min(size) < 1:
        raise Sim2SGError(f"{path}: an uncalibrated camera (focal length or size is zero)")
    return make_camera(*size, K, coefficients, model, str(path))


def _from_kitti(text: str, path: Path, width: int, height: int) -> Camera:
    """Reads `P2: 12 numbers` (object, tracking) or `P_rect_02:` (raw), rectified, with its size if told.

    P's last column moves the origin by 6 cm to the first camera; the image's own camera has K alone.
    """
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    key = next((k for k in KITTI_KEYS if k in rows), None)
    if key is None:
        raise Sim2SGError(f"{path}: not a KITTI calibration: no line {' or '.join(KITTI_KEYS)}")
    try:
        K = np.array(rows[key].split(), float).reshape(3, 4)[:, :3]
        if "S_rect_02" in rows:
            width, height = (int(float(v)) for v in rows["S_rect_02"].split())
    except ValueError:
        raise Sim2SGError(f"{path}: line {key} must hold 12 numbers") from None
    return Camera(width, height, K)
