from __future__ import annotations

import numpy as np
import pytest

from sim2sg_core.evaluation.detection import ImageBoxes
from sim2sg_core.evaluation.recall_by_height import HEIGHTS, recall_by_height

NEAR, MIDDLE, FAR = (0, 0, 100, 200), (200, 0, 240, 100), (300, 0, 320, 30)
NOWHERE = (500, 0, 520, 60)


def image(predicted, scores, truths, ignored=()):
    none = np.zeros(len(truths), bool)
    none[list(ignored)] = True
    rows = [np.array(boxes, float).reshape(-1, 4) for boxes in (predicted, truths)]
    return ImageBoxes(rows[0], np.array(scores, float), rows[1], none)


def counts(images, least_precision=0.5):
    score, rows = recall_by_height(images, least_precision)
    assert [row.least for row in rows] == list(HEIGHTS)
    return score, [(row.objects, row.found) for row in rows]


def test_objects_are_counted_in_the_range_of_their_own_height():
    found = counts([image([NEAR, FAR], [0.9, 0.8], [NEAR, MIDDLE, FAR]), image([], [], [NEAR])])
    assert found == (0.8, [(0, 0), (1, 1), (0, 0), (1, 0), (2, 1)])


def test_scores_at_which_too_many_boxes_are_wrong_do_not_count():
    images = [image([NEAR, NOWHERE, NOWHERE, NOWHERE, MIDDLE], [0.9, 0.6, 0.5, 0.4, 0.3], [NEAR, MIDDLE])]
    assert counts(images) == (0.6, [(0, 0), (0, 0), (0, 0), (1, 0), (1, 1)])
    assert counts(images, least_precision=0.4)[1][3] == (1, 1)


def test_ignored_objects_count_neither_as_there_nor_as_found():
    assert counts([image([NEAR, MIDDLE], [0.9, 0.8], [NEAR, MIDDLE], ignored=[0])])[1][4] == (0, 0)


@pytest.mark.parametrize("predicted", [[], [NOWHERE]])
def test_where_nothing_is_right_nothing_is_found(predicted):
    score, rows = counts([image(predicted, [0.9] * len(predicted), [NEAR])])
    assert score is None
    assert rows[4] == (1, 0)
