"""Calibration files: YAML of ROS, Kalibr, EuRoC and OpenCV, and KITTI's text files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sim2sg_core.errors import Sim2SGError, first_line, printable
from sim2sg_core.logs.camera_info import make_camera
from sim2sg_core.scene import Camera

KITTI_KEYS = ("P2", "P_rect_02")
"""Projection matrices of KITTI's left colour camera: object and tracking sets, and raw drives."""
MAX_BYTES = 1 << 20
MAX_NUMBERS = 64
"""Of one list of a calibration."""

_YAML_SUFFIXES = (".yaml", ".yml")
_MATRIX_KEYS = ("camera_matrix", "Camera_Matrix", "cameraMatrix", "CameraMatrix", "K", "M1")
_PROJECTION_KEY = "projection_matrix"
_LENS_KEYS = ("distortion_coefficients", "Distortion_Coefficients", "distCoeffs", "DistCoeffs", "D", "D1")


class _Loader(yaml.SafeLoader):
    """Reads OpenCV's matrices as mappings."""


def _construct_matrix(loader: yaml.SafeLoader, node: yaml.Node) -> dict[Any, Any]:
    return loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # it refuses other nodes itself


_Loader.add_constructor("tag:yaml.org,2002:opencv-matrix", _construct_matrix)


def load_calibration(path: Path | str, width: int, height: int, name: str = "", *, rectified: bool = False) -> Camera:
    """Reads a camera from a file.

    Args:
        path: ROS YAML (as camera_calibration writes it), Kalibr's camchain, EuRoC's sensor.yaml, OpenCV's YAML, a KITTI
            calibration file, or a KITTI folder: one of a raw drive's day, with calib_cam_to_cam.txt, or one with a
            file for every image.
        width: Of the images it is for, pixels. A calibration of another size is scaled.
        height: The same.
        name: Name of the image, to choose its own file from a folder of many.
        rectified: The images are rectified: the projection matrix of a ROS YAML holds, without distortion.

    Returns:
        The camera, ground unknown.

    Raises:
        Sim2SGError: No such file, not a calibration, one that cannot be, one of another aspect ratio, or one of the
            images before rectification alone.
    """
    path = Path(path)
    if path.is_dir():
        path = _file_of(path, name)
    if not path.is_file():
        raise Sim2SGError(f"{printable(path)}: no such file: give a ROS camera YAML or a KITTI calibration")
    if path.stat().st_size > MAX_BYTES:
        raise Sim2SGError(f"{printable(path)}: is larger than any calibration: give a ROS camera YAML")
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        if path.suffix.lower() in _YAML_SUFFIXES or text.startswith("%YAML"):
            camera = _from_yaml(text, width, height, rectified)
        else:
            camera = _from_kitti(text, width, height)
    except Sim2SGError as error:
        raise Sim2SGError(f"{printable(path)}: {error}") from None
    if rectified and not camera.is_pinhole:
        raise Sim2SGError(
            f"{printable(path)}: has a distortion and no projection_matrix, and the images are rectified, as their"
            " topic says: give a ROS camera YAML with projection_matrix, or the topic of the raw images"
        )
    if not camera.has_aspect(width, height):
        raise Sim2SGError(
            f"{printable(path)}: calibrated for {camera.width}x{camera.height}, and the images are {width}x{height}:"
            " give the calibration of this camera at this aspect ratio"
        )
    return camera.scaled(width, height)


def _file_of(folder: Path, name: str) -> Path:
    """Chooses a calibration file from a folder."""
    if (raw := folder / "calib_cam_to_cam.txt").is_file():
        return raw
    files = sorted(f for f in folder.iterdir() if f.suffix in (".txt", *_YAML_SUFFIXES) and f.name[0] != ".")
    own = [f for f in files if name and f.stem == Path(name).stem]
    if own or len(files) == 1:
        return (own or files)[0]
    if not files:
        raise Sim2SGError(f"{printable(folder)}: no calibration in it (calib_cam_to_cam.txt, *.txt, *.yaml)")
    if not name:
        return files[0]
    raise Sim2SGError(f"{printable(folder)}: no calibration for {name} among its {len(files)} files")


def _from_yaml(text: str, width: int, height: int, rectified: bool) -> Camera:
    """Reads a YAML of any maker; `width` and `height` count where it tells no size."""
    # OpenCV writes `%YAML:1.0`, which YAML forbids.
    text = re.sub(r"\A%YAML:[^\n]*\n", "", text)
    try:
        data = yaml.load(text, Loader=_Loader)
        if not isinstance(data, Mapping):
            raise TypeError(f"a {type(data).__name__}, not a mapping")
        if cameras := [key for key in data if re.fullmatch(r"cam\d+", str(key))]:
            return _from_kalibr(data, cameras, width, height)
        if "intrinsics" in data:
            return _from_kalibr({"cam0": data}, ["cam0"], width, height)
        return _from_matrices(data, width, height, rectified)
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise Sim2SGError(
            f"not a ROS camera YAML ({type(error).__name__}: {printable(first_line(error))}):"
            " it needs camera_matrix: data: [9 numbers], image_width, image_height"
        ) from None


def _from_matrices(data: Mapping[str, Any], width: int, height: int, rectified: bool) -> Camera:
    """Reads the YAML of ROS's camera_calibration, or of OpenCV's."""
    matrix = next((data[key] for key in _MATRIX_KEYS if key in data), None)
    if matrix is None:
        raise KeyError("camera_matrix")
    lens = next((data[key] for key in _LENS_KEYS if key in data), None)
    size = _size(data, ("image_width", "image_Width"), width), _size(data, ("image_height", "image_Height"), height)
    if rectified and _PROJECTION_KEY in data:
        return make_camera(*size, _numbers(data[_PROJECTION_KEY], 12).reshape(3, 4)[:, :3], (), "")
    model = str(data.get("distortion_model") or ("equidistant" if data.get("fisheye_model") == 1 else ""))
    coefficients = _numbers(lens)
    if not model and coefficients.size > 5:
        model = "rational_polynomial"
    return make_camera(*size, _numbers(matrix, 9).reshape(3, 3), coefficients, model)


def _from_kalibr(data: Mapping[str, Any], cameras: list[str], width: int, height: int) -> Camera:
    """Reads Kalibr's camchain.yaml, of which one camera must fit the images, or EuRoC's sensor.yaml."""
    fitting = [key for key in cameras if _fits(data[key].get("resolution"), width, height)]
    if len(cameras) > 1 and len(fitting) != 1:
        raise Sim2SGError(
            f"holds {len(cameras)} cameras, of which {len(fitting)} fit images of {width}x{height}: keep one of them"
        )
    camera = data[(fitting or cameras)[0]]
    kind = str(camera.get("camera_model", "pinhole"))
    if kind != "pinhole":
        raise Sim2SGError(f"camera model {printable(kind)} is not known: calibrate as pinhole (radtan or equi)")
    fx, fy, cx, cy = _numbers(camera["intrinsics"], 4)
    size = _numbers(camera["resolution"], 2) if "resolution" in camera else np.array([width, height])
    lens = camera.get("distortion_coeffs", camera.get("distortion_coefficients"))
    model = str(camera.get("distortion_model", "radtan"))
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    return make_camera(int(size[0]), int(size[1]), K, _numbers(lens), "" if model == "none" else model)


def _fits(resolution: Any, width: int, height: int) -> bool:
    try:
        w, h = (int(value) for value in resolution)
        return w > 0 and h > 0 and Camera(w, h, np.eye(3)).has_aspect(width, height)
    except (TypeError, ValueError, OverflowError):
        return False


def _numbers(value: Any, count: int | None = None) -> np.ndarray:
    """Returns a list of numbers, alone or as `data` of a matrix, rows joined."""
    if isinstance(value, Mapping):
        value = value.get("data")
    items = [item for row in value for item in (row if isinstance(row, list) else [row])] if value else []
    if len(items) > MAX_NUMBERS or not all(isinstance(item, (int, float, str)) for item in items):
        raise ValueError("a list of numbers is none")
    numbers = np.array([float(item) for item in items])
    if count is not None and len(numbers) != count:
        raise ValueError(f"{len(numbers)} numbers where {count} belong")
    return numbers


def _size(data: Mapping[str, Any], keys: tuple[str, ...], fallback: int) -> int:
    return next((int(data[key]) for key in keys if key in data), fallback)


def _from_kitti(text: str, width: int, height: int) -> Camera:
    """Reads `P2: 12 numbers` (object, tracking) or `P_rect_02:` (raw), rectified, with its size if told.

    P's last column moves the origin by 6 cm to the first camera; the image's own camera has K alone.
    """
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    key = next((k for k in KITTI_KEYS if k in rows), None)
    if key is None:
        raise Sim2SGError(f"not a KITTI calibration: no line {' or '.join(KITTI_KEYS)}")
    try:
        K = np.array(rows[key].split(), float).reshape(3, 4)[:, :3]
        if "S_rect_02" in rows:
            width, height = (int(float(v)) for v in rows["S_rect_02"].split())
    except (ValueError, OverflowError):
        raise Sim2SGError(f"line {key} must hold 12 numbers") from None
    return make_camera(width, height, K, (), "")
