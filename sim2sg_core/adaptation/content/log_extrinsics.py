"""The camera's extrinsics in every frame of the log: height over the ground, pitch and roll."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.lifting import ExtrinsicsPrior, estimate_extrinsics
from sim2sg_core.lifting.extrinsics import extrinsics_of_ground, with_extrinsics
from sim2sg_core.scene import Camera, SceneGraph
from sim2sg_core.scene.layout import GROUND

PRECISION = np.array([0.02, 0.003, 0.003])  # standard deviations of extrinsics that a user gives: m, rad, rad
JITTER = np.array([0.01, np.radians(0.3), np.radians(0.2)])  # of known extrinsics: m per m of height, rad, rad


def extrinsics_prior(domain: Domain, given: Sequence[float | None] = (None, None, None)) -> ExtrinsicsPrior:
    """The domain's camera prior as a Gaussian with the mean and deviation of its ranges.

    Args:
        domain: Its camera prior.
        given: Height in metres, pitch and roll in radians that a user knows; None for those that nobody does.
    """
    prior = domain.camera
    ranges = np.array([prior.height_m, np.radians(prior.pitch_deg), np.radians(prior.roll_deg)])
    # A floor, since a prior range of no width would forbid any other extrinsics.
    std = np.maximum((ranges[:, 1] - ranges[:, 0]) / np.sqrt(12), PRECISION)
    known = np.array([value is not None for value in given])
    told = np.array([value or 0.0 for value in given])
    return ExtrinsicsPrior(np.where(known, told, ranges.mean(axis=1)), np.where(known, PRECISION, std))


def frame_extrinsics(
    cameras: Sequence[Camera],
    graphs: Sequence[SceneGraph],
    domain: Domain,
    given: Sequence[float | None] = (None, None, None),
) -> np.ndarray:
    """Finds the extrinsics of every frame: given, or estimated from what stands on its ground and from other frames.

    Args:
        cameras: Of N frames; those that know their ground keep it.
        graphs: Of the same frames, with poses from the network's depth alone.
        domain: Its camera prior binds the estimates.
        given: See `extrinsics_prior`.

    Returns:
        (N, 3) height in metres, pitch and roll in radians.
    """
    # What may stand on other things says nothing of where the ground is.
    standing = {c.name for c in domain.classes if set(c.supports) == {GROUND}}
    graphs = [g.select([i for i, o in enumerate(g.objects) if o.label in standing]) for g in graphs]
    unknown = [graph for camera, graph in zip(cameras, graphs, strict=True) if camera.ground is None]
    estimated = iter(estimate_extrinsics(unknown, extrinsics_prior(domain, given)))
    return np.array([next(estimated) if c.ground is None else extrinsics_of_ground(c.ground) for c in cameras])


def camera_of(graph: SceneGraph) -> Camera:
    """Returns the camera of a graph that was inferred on the log.

    Raises:
        Sim2SGError: It has none: the file was not written by this program.
    """
    if graph.camera is None:
        raise Sim2SGError(f"{graph.file}: a graph of the log without a camera; delete the file of these graphs")
    return graph.camera


def median_camera(graphs: Sequence[SceneGraph]) -> Camera:
    """Returns the log's camera with its median extrinsics: what a model assumes of images without a better word."""
    grounds = [camera.ground for camera in map(camera_of, graphs)]
    known = np.array([extrinsics_of_ground(ground) for ground in grounds if ground is not None])
    return with_extrinsics(camera_of(graphs[0]), np.median(known, axis=0))


def jittered(camera: Camera, rng: np.random.Generator) -> Camera:
    """Changes known extrinsics a little, for suspension and calibration errors; without a ground there are none."""
    if camera.ground is None:
        return camera
    extrinsics = extrinsics_of_ground(camera.ground)
    return with_extrinsics(camera, extrinsics + rng.normal(size=3) * JITTER * np.array([extrinsics[0], 1.0, 1.0]))
