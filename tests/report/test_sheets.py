"""Contact sheets: where each image lands."""

import numpy as np
import pytest

from sim2sg_core.report.sheets import contact_sheet, draw_tile
from sim2sg_core.scene import SceneGraph, SceneObject


@pytest.mark.parametrize(("count", "shape"), [(1, (30, 60)), (3, (64, 124)), (5, (98, 124))])
def test_contact_sheet(count: int, shape: tuple[int, int]) -> None:
    images = [np.full((50 if i else 60, 120, 3), 10 * i, np.uint8) for i in range(count)]
    sheet = contact_sheet(images, columns=2, cell_width=60)
    assert sheet.shape[:2] == shape
    for i in range(count):
        y, x = i // 2 * 34, i % 2 * 64
        assert (sheet[y + 5, x + 5] == 10 * i).all()


def test_no_images() -> None:
    assert contact_sheet([], 3).size == 3


def test_tile_shows_the_boxes_at_its_size_above_a_footer() -> None:
    image = np.full((100, 200, 3), 110, np.uint8)
    graph = SceneGraph(200, 100, (SceneObject("cube", 1.0, np.array([50, 40, 100, 90.0])),))
    tile = draw_tile(image, graph, 400, ["cube"], ["left_of"])
    assert tile.shape[1] == 400 and tile.shape[0] > 200
    plain = draw_tile(image, SceneGraph(200, 100), 400, ["cube"], ["left_of"])
    rows, columns = np.nonzero((tile[:200] != plain[:200]).any(axis=2))
    assert abs(columns.min() - 100) < 6
    assert abs(rows.max() - 180) < 6
