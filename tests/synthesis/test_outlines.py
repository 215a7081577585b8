"""Profiles: what they are turned into is closed, outward and of the right volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.synthesis.assets.outlines import ellipse, fill, hollow, insert, rounded
from sim2sg_core.synthesis.assets.shapes import banded_lathe, lathe, loft, welded_loft


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def is_closed(faces: np.ndarray) -> bool:
    """Whether every edge has exactly two faces, one in each direction."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    there, counts = np.unique(edges, axis=0, return_counts=True)
    back = np.unique(edges[:, ::-1], axis=0)
    return bool((counts == 1).all() and np.array_equal(there, back))


def area(outline: np.ndarray) -> float:
    x, y = outline.T
    return float(0.5 * (x * np.roll(y, -1) - y * np.roll(x, -1)).sum())


heights = st.lists(st.floats(0.01, 1.0), min_size=2, max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    radii=heights, rises=heights, power=st.floats(2, 8), aspect=st.floats(0.3, 1), segments=st.sampled_from([8, 12, 24])
)
def test_a_turned_profile_has_the_volume_of_its_frusta(
    radii: list[float], rises: list[float], power: float, aspect: float, segments: int
) -> None:
    count = min(len(radii), len(rises))
    r, z = np.array(radii[:count]), np.cumsum(rises[:count])
    profile = np.concatenate([[[0, z[0]]], np.column_stack([r, z]), [[0, z[-1]]]])
    outline = ellipse(segments, power, aspect)
    vertices, faces, bands, sectors = banded_lathe(profile, outline)
    assert is_closed(faces)
    frusta = (np.diff(z) * (r[1:] ** 2 + r[1:] * r[:-1] + r[:-1] ** 2) / 3).sum()
    assert volume(vertices, faces) == pytest.approx(area(outline) * frusta, rel=1e-9)
    assert bands.max() == len(profile) - 2 and sectors.max() == segments - 1 and len(bands) == len(faces)


@settings(max_examples=40, deadline=None)
@given(points=st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=2, max_size=9), times=st.integers(0, 3))
def test_rounding_keeps_the_ends_and_stays_within(points: list[tuple[float, float]], times: int) -> None:
    line = np.array(points)
    cut = rounded(line, times)
    assert np.array_equal(cut[[0, -1]], line[[0, -1]])
    assert (cut >= line.min(0) - 1e-12).all() and (cut <= line.max(0) + 1e-12).all()


def test_a_superellipse_is_what_its_equation_says() -> None:
    x, y = ellipse(32, 5.0, 0.7).T
    assert np.abs(x) ** 5 + np.abs(y / 0.7) ** 5 == pytest.approx(np.ones(32))
    assert area(ellipse(256)) == pytest.approx(np.pi, rel=1e-3)


def test_inserted_points_lie_on_the_line_at_the_heights() -> None:
    line = np.array([[1.0, 0.0], [2.0, 1.0], [1.0, 3.0]])
    made = insert(line, (0.5, 1.0, 2.0))
    assert made.tolist() == [[1, 0], [1.5, 0.5], [2, 1], [1.5, 2], [1, 3]]


def test_a_hollow_cylinder_has_its_wall_and_its_floor_and_takes_a_drink() -> None:
    outer = np.array([[0.04, 0.0], [0.04, 0.05], [0.04, 0.1]])
    profile, rim = hollow(outer, 0.004, 0.006)
    assert profile[-1].tolist() == [0.0, 0.006]
    inside = profile[rim + 2 : -2]
    assert inside[:, 0] == pytest.approx(0.036)
    outline = ellipse(64)
    vertices, faces, _, _ = banded_lathe(profile, outline)
    solid = area(outline) * (0.04**2 * 0.1 - 0.036**2 * 0.094)
    assert is_closed(faces) and volume(vertices, faces) == pytest.approx(solid, rel=0.03)
    drink = fill(profile[rim + 2 :], 0.07, 0.0004, deep=True)
    vertices, faces, _, _ = banded_lathe(drink, outline)
    assert is_closed(faces)
    assert volume(vertices, faces) == pytest.approx(area(outline) * 0.0356**2 * 0.0636, rel=0.02)
    disc = fill(profile[rim + 2 :], 0.07, -0.002, deep=False)
    assert disc[:, 0].max() == pytest.approx(0.038) and disc[:, 1].min() == pytest.approx(0.068)


def test_a_loft_of_equal_rings_is_a_prism_welded_or_not() -> None:
    ring = np.column_stack([np.zeros(16), 0.1 + 0.02 * ellipse(16)[:, 0], 0.3 + 0.005 * ellipse(16)[:, 1]])
    rings = np.array([ring + [x, 0, 0] for x in (0.0, 0.5, 2.0)])
    ends = (0.0, 0.1, 0.3), (2.0, 0.1, 0.3)
    for vertices, faces in (loft(rings, *ends), welded_loft(rings, *ends)[:2]):
        assert is_closed(faces) and len(vertices) == 50
        assert volume(vertices, faces) == pytest.approx(2 * area(ellipse(16)) * 0.02 * 0.005)
        assert vertices.mean(0)[1:] == pytest.approx([0.1, 0.3])


def test_a_welded_loft_closes_over_rings_that_collapse() -> None:
    flat = np.column_stack([ellipse(12), np.zeros(12)])
    rings = np.array([flat, flat, flat * 0 + [0, 0, 1]])
    vertices, faces, kept = welded_loft(rings, (0, 0, 0), (0, 0, 1))
    assert is_closed(faces) and len(vertices) == 14 and kept.sum() == len(faces) == 24
    assert volume(vertices, faces) == pytest.approx(area(ellipse(12)) / 3)


def test_both_lathes_make_the_same_solid() -> None:
    profile = [(0.3, 0.0), (0.5, 0.2), (0.2, 0.9)]
    vertices, faces = lathe(profile, 24)
    closed = np.array([(0, 0), *profile, (0, 0.9)])
    others, sides, _, _ = banded_lathe(closed, ellipse(24))
    assert len(vertices) == len(others) and len(faces) == len(sides)
    assert volume(vertices, faces) == pytest.approx(volume(others, sides))
