"""Lens distortion of normalised image points, and its inverse.

Formulas: Brown–Conrady with OpenCV's rational extension, and the Kannala–Brandt fisheye (equidistant).
"""

from __future__ import annotations

import numpy as np

from sim2sg_core.errors import Sim2SGError

DISTORTION_MODELS = ("plumb_bob", "rational_polynomial", "equidistant")
_STEPS = 30
_EXACT = 1e-10
"""Of normalised points: a ten-millionth of a pixel."""
_TABLE = 4001
_WIDEST = 20.0
"""Tangent of the widest angle (87 degrees) that the pinhole models are asked for."""


def bends(coefficients: np.ndarray, model: str) -> bool:
    """Whether a lens differs from a pinhole: an equidistant one does, with coefficients of zero too."""
    return model == "equidistant" or bool(np.asarray(coefficients).any())


def distort_points(points: np.ndarray, coefficients: np.ndarray, model: str) -> np.ndarray:
    """Applies lens distortion to (..., 2) normalised image points.

    Raises:
        Sim2SGError: Unknown model.
    """
    d = np.asarray(coefficients, float)
    if not bends(d, model):
        return points
    x, y = points[..., 0], points[..., 1]
    if model == "equidistant":
        r = np.hypot(x, y)
        bent, _ = _equidistant(np.arctan(r), d)
        return points * np.where(r > 1e-9, bent / np.maximum(r, 1e-9), 1.0)[..., None]
    _check(model)
    _, _, p1, p2 = _padded(d)[:4]
    r2 = x * x + y * y
    radial, _ = _radial(r2, d)
    bent = np.empty_like(points, float)
    bent[..., 0] = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    bent[..., 1] = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return bent


def undistort_points(points: np.ndarray, coefficients: np.ndarray, model: str) -> tuple[np.ndarray, np.ndarray]:
    """Inverts `distort_points` by Newton's method, begun from a table.

    Args:
        points: (..., 2) distorted normalised points.
        coefficients: Of the lens.
        model: Its name.

    Returns:
        (..., 2) normalised points, and (...,) bool: whether a ray in front of the camera leads there at all. Where none
        does, the points are those of the outermost ray in that direction.

    Raises:
        Sim2SGError: Unknown model.
    """
    points, d = np.asarray(points, float), np.asarray(coefficients, float)
    if not bends(d, model):
        return points, np.ones(points.shape[:-1], bool)
    _check(model)
    return _undo_equidistant(points, d) if model == "equidistant" else _undo_radial(points, d)


def _undo_equidistant(points: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    angles = np.linspace(0, np.pi / 2 * (1 - 1e-6), _TABLE)
    bent, slope = _equidistant(angles, d)
    angles, bent = _rising(angles, bent, slope)
    wanted = np.hypot(points[..., 0], points[..., 1])
    seen = wanted <= bent[-1]
    theta = np.interp(wanted, bent, angles)
    for _ in range(_STEPS):
        value, slope = _equidistant(theta, d)
        error = np.where(seen, wanted - value, 0.0)
        if np.abs(error).max(initial=0.0) < _EXACT:
            break
        theta = np.clip(theta + error / np.maximum(slope, 1e-6), 0, angles[-1])
    return points * np.where(wanted > 1e-9, np.tan(theta) / np.maximum(wanted, 1e-9), 1.0)[..., None], seen


def _undo_radial(points: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r = np.linspace(0, _WIDEST, _TABLE)
    radial, growth = _radial(r * r, d)
    r, bent = _rising(r, r * radial, radial + 2 * r * r * growth)
    wanted = np.hypot(points[..., 0], points[..., 1])
    outermost = points * (np.interp(wanted, bent, r) / np.maximum(wanted, 1e-12))[..., None]
    result = outermost
    for _ in range(_STEPS):
        error = points - distort_points(result, d, "rational_polynomial")
        if np.abs(error).max(initial=0.0) < _EXACT:
            break
        result = result + _newton_step(result, error, d)
    # Beyond its fold a polynomial comes back: other solutions there are none of the lens.
    exact = np.abs(points - distort_points(result, d, "rational_polynomial")).max(axis=-1) < 1e-7
    seen = exact & (np.hypot(result[..., 0], result[..., 1]) <= r[-1])
    return np.where(seen[..., None], result, outermost), seen


def _newton_step(points: np.ndarray, error: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Returns the step that undoes `error` to first order, bounded so that it stays near."""
    _, _, p1, p2 = _padded(d)[:4]
    x, y = points[..., 0], points[..., 1]
    radial, growth = _radial(x * x + y * y, d)
    xx = radial + 2 * x * x * growth + 2 * p1 * y + 6 * p2 * x
    yy = radial + 2 * y * y * growth + 6 * p1 * y + 2 * p2 * x
    xy = 2 * x * y * growth + 2 * p1 * x + 2 * p2 * y
    determinant = xx * yy - xy * xy
    determinant = np.where(np.abs(determinant) < 1e-9, 1e-9, determinant)
    step = np.stack([yy * error[..., 0] - xy * error[..., 1], xx * error[..., 1] - xy * error[..., 0]], axis=-1)
    return np.clip(step / determinant[..., None], -0.5, 0.5)


def _rising(values: np.ndarray, bent: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a table where it first stops to rise: up to there it has one inverse."""
    rises = np.isfinite(bent) & (slope > 0)
    rises[1:] &= np.diff(bent) > 0
    end = len(values) if rises.all() else max(int(rises.argmin()), 2)
    return values[:end], bent[:end]


def _equidistant(theta: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distance from the centre at an angle, and its derivative."""
    k1, k2, k3, k4 = [*d.tolist(), *[0.0] * 4][:4]
    t2 = theta * theta
    bent = theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
    return bent, 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))


def _radial(r2: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the radial factor, and its derivative by r²."""
    k1, k2, _, _, k3, k4, k5, k6 = _padded(d)
    above = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    below = 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        growth = (k1 + r2 * (2 * k2 + r2 * 3 * k3)) / below - above * (k4 + r2 * (2 * k5 + r2 * 3 * k6)) / below**2
        return above / below, growth


def _padded(d: np.ndarray) -> list[float]:
    """Returns k1, k2, p1, p2, k3, k4, k5, k6."""
    return [*d.tolist(), *[0.0] * 8][:8]


def _check(model: str) -> None:
    if model not in DISTORTION_MODELS:
        raise Sim2SGError(f"distortion model {model!r} is not known: use one of {DISTORTION_MODELS}")
