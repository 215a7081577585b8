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
    if camera_file:
        camera: Camera | None = load_calibration(camera_file, width, height, name, rectified=log.rectified(topic))
    else:
        camera = log.camera(topic)
    if camera is not None and not camera.has_aspect(width, height):
        size = f"{camera.width}x{camera.height} and the images are {width}x{height}"
        logger.warning("%s: CameraInfo is for %s: not used", printable(log.path), size)
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
    if not 0 < height < np.inf:
        raise Sim2SGError(f"the camera's height is {height:g} m: it must be above the ground")
    extrinsics = np.array([height, pitch or 0.0, roll or 0.0])
    if not np.isfinite(extrinsics).all():
        raise Sim2SGError(f"the camera's pitch and roll are {extrinsics[1]:g} and {extrinsics[2]:g}: give degrees")
    return replace(camera, ground=ground_of_extrinsics(extrinsics))
