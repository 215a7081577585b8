"""Charts from above."""

import numpy as np
import pytest
from matplotlib.patches import Polygon

from sim2sg_core.report.maps import heat_maps, scene_plans
from sim2sg_core.scene import Camera, Layout, Placement


def drawn(axes) -> np.ndarray:
    return axes.collections[0].get_array().reshape(24, -1) ** 2  # maps show the square root


def test_heat_maps_share_their_cells_and_their_scale() -> None:
    near, far = np.array([[0.0, 1.0]] * 3 + [[np.nan, np.nan]]), np.array([[-8.0, 24.0], [8.0, 24.0]])
    figure = heat_maps([("real", near, np.array([0.5, 0.5, 1, 1])), ("drawn", far, np.ones(2))])
    first, second = (drawn(axes) for axes in figure.axes)
    assert first.shape == second.shape
    np.testing.assert_allclose([first.sum(), second.sum()], 1)  # what has no place does not count
    np.testing.assert_allclose([first.max(), second.max()], [1, 0.5])
    rows, columns = np.nonzero(second)
    assert rows.tolist() == [23, 23] and columns.tolist() == [0, second.shape[1] - 1]  # far left and far right
    assert figure.axes[0].collections[0].norm.vmax == figure.axes[1].collections[0].norm.vmax == 1


def test_heat_maps_of_nothing_are_empty() -> None:
    figure = heat_maps([("real", np.full((2, 2), np.nan), np.ones(2))])
    assert not drawn(figure.axes[0]).any()


def test_heat_maps_of_what_is_beside_the_camera_have_a_bounded_number_of_cells() -> None:
    figure = heat_maps([("real", np.array([[-5.0, 0.01], [5.0, 0.0]]), np.ones(2))])
    shares = drawn(figure.axes[0])
    assert shares.size < 10_000 and shares.sum() == pytest.approx(1)


def test_plans_show_every_object_from_above_the_small_ones_last() -> None:
    camera = Camera(np.diag([100.0, 100, 1]), 64, 48)
    cup = Placement("cup", np.array([2.0, 0.5, 0.7]), 0.0, np.array([0.1, 0.1, 0.1]))
    table = Placement("table", np.array([2.0, 0.5, 0.0]), 0.0, np.array([2.0, 1.0, 0.7]))
    figure = scene_plans([Layout(camera, (cup, table)), Layout(camera, ())], ["table", "cup"])
    first, second = figure.axes
    corners = [patch.get_xy()[:4] for patch in first.patches if isinstance(patch, Polygon)]
    # World x forward is up in the plan, y to the left is left.
    np.testing.assert_allclose(corners[0].mean(0), [-0.5, 2.0])
    np.testing.assert_allclose(np.ptp(corners[0], axis=0), [1.0, 2.0])
    np.testing.assert_allclose(np.ptp(corners[1], axis=0), [0.1, 0.1])
    assert not second.patches
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["table", "cup"]
