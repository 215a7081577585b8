from __future__ import annotations

import math

import torch

from sim2sg_core.model.detection_decoding import cells_of, decode, matrix_nms, overlaps, read_cells
from sim2sg_core.model.heads import Channels, Dense

SIZES = torch.tensor([[1.0, 1.0, 1.0], [4.0, 2.0, 1.5]])
SYMMETRY = torch.tensor([4.0, 1.0])
ONES, ZEROS = torch.ones(len(SIZES)), torch.zeros(len(SIZES))


def empty(rows: int = 24, columns: int = 32) -> Dense:
    regression = torch.zeros(1, Channels.COUNT, rows, columns)
    return Dense(torch.full((1, 2, rows, columns), -8.0), regression, torch.zeros(1, 8, rows, columns))


def put(dense: Dense, label: int, row: int, column: int, logit: float, half: float) -> None:
    dense.heat[0, label, row, column] = logit
    dense.regression[0, Channels.BOX, row, column] = math.log(half)


def test_decoding_reads_every_quantity_where_the_peak_is():
    dense = empty()
    put(dense, 1, 10, 20, 3.0, 2.0)
    cell = dense.regression[0, :, 10, 20]
    cell[Channels.CENTRE] = torch.tensor([0.5, -1.0])
    cell[Channels.DEPTH] = math.log(2.0)
    cell[Channels.SPREAD] = math.log(0.1)
    cell[Channels.SIZE] = torch.tensor([0.0, math.log(2.0), 0.0])
    cell[Channels.ANGLE] = torch.tensor([math.sin(2.5), math.cos(2.5)])
    found = decode(dense, 6, SIZES, SYMMETRY, 6.0, ONES, ZEROS)
    assert found.classes[0, 0] == 1
    torch.testing.assert_close(found.boxes[0, 0], torch.tensor([18.5, 8.5, 22.5, 12.5]) * 4)
    torch.testing.assert_close(found.centres[0, 0], torch.tensor([21.0, 9.5]) * 4)
    torch.testing.assert_close(found.depths[0, 0], torch.tensor(12.0))
    torch.testing.assert_close(found.depth_stds[0, 0], torch.tensor(0.1))
    torch.testing.assert_close(found.sizes[0, 0], torch.tensor([4.0, 4.0, 1.5]))
    torch.testing.assert_close(found.alphas[0, 0], torch.tensor(2.5))
    torch.testing.assert_close(found.scores[0, 0], torch.sigmoid(torch.tensor(3.0)))


def test_angle_of_a_symmetric_class_is_divided_by_the_order():
    dense = empty()
    dense.regression[0, Channels.ANGLE] = torch.tensor([1.0, 0.0])[:, None, None]
    cells, labels = torch.tensor([[5, 5]]), torch.tensor([[0, 1]])
    none = read_cells(dense, cells, labels, SIZES, torch.tensor([4.0, 0.0]), 6.0).alphas
    torch.testing.assert_close(none, torch.tensor([[math.pi / 8, 0.0]]))


def test_only_peaks_count_and_scores_fall():
    dense = empty()
    for column, logit in ((10, 1.0), (11, 2.0), (12, 1.5), (25, 0.0)):
        put(dense, 0, 5, column, logit, 1.0)
    scores = decode(dense, 6, SIZES, SYMMETRY, 6.0, ONES, ZEROS).scores[0]
    assert (scores[:-1] >= scores[1:]).all()
    torch.testing.assert_close(scores[:2], torch.sigmoid(torch.tensor([2.0, 0.0])))
    assert scores[2] < 0.01


def test_duplicates_and_nested_boxes_sink_and_neighbours_do_not():
    boxes = torch.tensor([[[0, 0, 40, 40], [1, 0, 41, 40], [10, 10, 20, 20], [60, 0, 100, 40.0]]])
    decay = matrix_nms(boxes, torch.zeros(1, 4, dtype=torch.int64))[0]
    assert decay[0] == 1.0
    assert decay[3] == 1.0
    assert decay[1] < 0.25
    assert decay[2] < 0.6
    other = matrix_nms(boxes, torch.tensor([[0, 0, 1, 0]]))[0]
    assert other[2] > 0.9  # of another class: a thing on a thing


def test_suppressed_boxes_suppress_less():
    boxes = torch.tensor([[[0, 0, 40, 40], [4, 0, 44, 40], [12, 0, 52, 40.0]]])
    iou, _ = overlaps(boxes)
    decay = matrix_nms(boxes, torch.zeros(1, 3, dtype=torch.int64))[0]
    hand = min(math.exp(-(iou[0, 0, 2] ** 2) / 0.5), math.exp((iou[0, 0, 1] ** 2 - iou[0, 1, 2] ** 2) / 0.5))
    inside = 0.6 * 28 / 40  # the larger of IoU and the nested share decides
    assert iou[0, 0, 2] > inside * 0.5
    expected = min(hand, math.exp(-(max(float(iou[0, 0, 2]), inside) ** 2) / 0.5))
    torch.testing.assert_close(decay[2], torch.tensor(expected))  # the last bit of torch's exp depends on the CPU


def test_temperature_keeps_the_order_and_softens():
    dense = empty()
    put(dense, 0, 5, 10, 3.0, 1.0)
    put(dense, 1, 12, 20, 1.0, 1.0)
    hot = decode(dense, 2, SIZES, SYMMETRY, 6.0, 2 * ONES, ZEROS)
    torch.testing.assert_close(hot.scores[0], torch.sigmoid(torch.tensor([1.5, 0.5])))
    assert hot.classes[0].tolist() == [0, 1]


def test_classes_are_calibrated_apart_and_the_best_come_first():
    dense = empty()
    put(dense, 0, 5, 10, 3.0, 1.0)
    put(dense, 1, 12, 20, 1.0, 1.0)
    bias, temperature = torch.zeros(len(SIZES)), torch.ones(len(SIZES))
    bias[0], temperature[1] = 4.0, 0.5
    found = decode(dense, 2, SIZES, SYMMETRY, 6.0, temperature, bias)
    assert found.classes[0].tolist() == [1, 0] and found.centres[0, 0, 0] > found.centres[0, 1, 0]
    torch.testing.assert_close(found.scores[0], torch.sigmoid(torch.tensor([2.0, -1.0])))


def test_cell_of_a_box_is_the_one_under_its_centre():
    boxes = torch.tensor([[[0.0, 0, 8, 8], [120, 88, 128, 96], [-50, -50, 0, 0]]])
    assert cells_of(boxes, 24, 32).tolist() == [[1 * 32 + 1, 23 * 32 + 31, 0]]
