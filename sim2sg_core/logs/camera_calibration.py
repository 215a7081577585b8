"""The camera of a log's images: which of all sources of intrinsics and extrinsics counts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.lifting.extrinsics import extrinsics_of_ground, ground_of_extrinsics
from sim2sg_core.logs.calibration_files import load_calibration
from sim2sg_core.logs.camera_log import Log
from sim2sg_core.scene import Camera
from sim2sg_core.scene.turning import turned_camera, turned_size

logger = logging.getLogger(__name__)


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
        width: Of its images, pixels, once they are turned by `log.rotate`.
        height: The same.
        camera_file: See `load_calibration`; goes before CameraInfo. Of the images as they were recorded.
        extrinsics: Height (m), pitch and roll (rad) given by hand, of the turned camera; those that are None come from
            /tf_static, then from the fall-back's ground, then (roll and pitch) are zero.
        fallback: Gives the intrinsics, scaled, when nothing else does and its aspect ratio is the images'.
        name: See `load_calibration`.

    Returns:
        The camera of the turned images; None when its intrinsics are unknown. Its ground is None when no height is
        known.
    """
    recorded = turned_size(width, height, log.rotate)
    if camera_file:
        camera: Camera | None = load_calibration(camera_file, *recorded, name, rectified=log.rectified(topic))
    else:
        camera = log.camera(topic)
    if camera is not None and not camera.has_aspect(*recorded):
        size = f"{camera.width}x{camera.height} and the images are {recorded[0]}x{recorded[1]}"
        logger.warning("%s: CameraInfo is for %s: not used", printable(log.path), size)
        camera = None
    if camera is not None:
        camera = upright_camera(camera, log.rotate)
    usable = fallback if fallback is not None and fallback.has_aspect(width, height) else None
    camera = camera or usable
    if camera is None:
        return None
    told = upright_extrinsics(log.extrinsics(topic), log.rotate)
    return resolve_extrinsics(camera.scaled(width, height), extrinsics, told, usable)


def upright_camera(camera: Camera, degrees: int) -> Camera:
    """Returns the camera of images that are turned clockwise and then stand upright."""
    return replace(turned_camera(camera, degrees), rotate=0) if degrees else camera


def upright_extrinsics(told: tuple[float, float, float] | None, degrees: int) -> tuple[float, float, float] | None:
    """Returns height (m), pitch and roll (rad) of the camera of images that are turned clockwise, None for unknown."""
    if told is None or not degrees:
        return told
    turned = turned_camera(Camera(1, 1, np.eye(3), ground_of_extrinsics(np.array(told))), degrees)
    assert turned.ground is not None
    height, pitch, roll = extrinsics_of_ground(turned.ground).tolist()
    return height, pitch, roll


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
    if not 0 < height < np.inf:
        raise Sim2SGError(f"the camera's height is {height:g} m: it must be above the ground")
    extrinsics = np.array([height, pitch or 0.0, roll or 0.0])
    if not np.isfinite(extrinsics).all():
        raise Sim2SGError(f"the camera's pitch and roll are {extrinsics[1]:g} and {extrinsics[2]:g}: give degrees")
    return replace(camera, ground=ground_of_extrinsics(extrinsics))
