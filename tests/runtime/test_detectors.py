"""Detectors of other makers: their output forms, their class names, tiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime.detectors import Detections, TiledDetector, open_detector
from sim2sg_core.runtime.detectors.class_names import COCO_80, COCO_90, parse_class_names
from sim2sg_core.runtime.detectors.detector import suppress
from sim2sg_core.runtime.detectors.tiling import OVERLAP, tiles_of
from sim2sg_core.scene.boxes import box_iou
from tests.runtime.detector_models import final, lists, ssd, write_detector, yolo

WHITE = np.full((128, 192, 3), 255, np.uint8)


def test_coco_by_number_and_without_gaps():
    assert len(COCO_80) == 80 and len(COCO_90) == 91
    assert (COCO_90[1], COCO_90[18], COCO_90[90]) == ("person", "dog", "toothbrush")
    assert (COCO_80[0], COCO_80[16], COCO_80[79]) == ("person", "dog", "toothbrush")


def test_rows_of_shares(tmp_path):
    rows = [(3, 0.9, 0.25, 0.5, 0.5, 1.5), (1, 0.03, 0, 0, 1, 1), (0, 0.8, 0, 0, 1, 1), (12, 0.7, 0, 0, 1, 1)]
    detector = open_detector(write_detector(tmp_path / "d.onnx", ssd(rows)))
    assert detector.input_size == (96, 64) and set(detector.names) == set(COCO_80)
    found = detector(WHITE)
    # Clipped; neither what scores next to nothing, nor the background, nor a number without a class.
    np.testing.assert_allclose(found.boxes, [[48, 64, 96, 128]])
    assert found.names.tolist() == ["car"] and found.scores == pytest.approx([0.9])


@pytest.mark.parametrize("objectness", [False, True])
def test_candidates_in_a_letterbox(tmp_path, objectness):
    # A 192x64 image lies in 96x64 at half its size, the lower half of the input is padding.
    rows = [(2, 0.6, 30, 16, 20, 8), (2, 0.5, 30, 16, 20, 9), (0, 0.4, 30, 16, 20, 8)]
    outputs = yolo(rows, 80, objectness)
    detector = open_detector(write_detector(tmp_path / "d.onnx", outputs, bright="" if objectness else "output0"))
    found = detector(np.full((64, 192, 3), 255, np.uint8))
    np.testing.assert_allclose(found.boxes, [[40, 24, 80, 40]] * 2)
    assert found.names.tolist() == ["car", "person"]
    assert found.scores == pytest.approx([0.6, 0.4])


@pytest.mark.parametrize("names", [("cup",), ("fork", "cup"), ("a", "cup", "b"), COCO_80])
@pytest.mark.parametrize("count", [3, 84, 300])
def test_final_boxes_are_told_from_candidates_by_their_values(tmp_path, names, count):
    cup = names.index("cup")
    outputs = final([(cup, 0.9, 20, 12, 40, 20), (cup, 0.04, 20, 12, 40, 20)], count)
    detector = open_detector(write_detector(tmp_path / "d.onnx", outputs, names=names))
    found = detector(np.full((64, 192, 3), 255, np.uint8))
    np.testing.assert_allclose(found.boxes, [[40, 24, 80, 40]])  # as in the letterbox above
    assert found.names.tolist() == ["cup"] and found.scores == pytest.approx([0.9])


@pytest.mark.parametrize(("names", "objectness"), [(("cup",), True), (("fork", "cup"), False)])
def test_candidates_of_six_values_stay_candidates(tmp_path, names, objectness):
    outputs = yolo([(len(names) - 1, 0.6, 30, 16, 20, 8)], len(names), objectness)
    outputs = {"output0": outputs["output0"] if objectness else outputs["output0"].transpose(0, 2, 1)}
    detector = open_detector(write_detector(tmp_path / "d.onnx", outputs, names=names))
    np.testing.assert_allclose(detector(np.full((64, 192, 3), 255, np.uint8)).boxes, [[40, 24, 80, 40]])


def test_rows_of_six_values_that_may_be_either_are_refused(tmp_path):
    either = final([(1, 0.9, 2, 3, 40, 20)], 1)
    wrong = final([(7, 0.9, 20, 12, 40, 20)])  # not of two classes, and no candidates either
    for outputs in (either, wrong):
        with pytest.raises(
            Sim2SGError, match=r"unknown form: .*2 class names are given.*\(x1, y1, x2, y2, score, class\)"
        ):
            open_detector(write_detector(tmp_path / "d.onnx", outputs, names=("fork", "cup")))
    assert len(open_detector(write_detector(tmp_path / "d.onnx", final([], 0), names=("cup",)))(WHITE)) == 0


def test_a_float_input_is_from_0_to_1_and_a_uint8_input_as_it_is(tmp_path):
    outputs = lists([(1, 0.002, 2, 2, 9, 9)])
    floating = open_detector(write_detector(tmp_path / "f.onnx", outputs, ("N", 3, "H", "W"), bright="scores"))
    assert not len(floating(WHITE))  # 0.002 x 1
    whole = open_detector(write_detector(tmp_path / "u.onnx", outputs, (1, "H", "W", 3), np.uint8, bright="scores"))
    assert whole(WHITE).scores == pytest.approx([0.51])


def test_three_lists_at_the_image_size(tmp_path):
    model = write_detector(
        tmp_path / "d.onnx", lists([(1, 0.3, 5, 6, 50, 60), (3, 0.8, 100, 20, 150, 90)]), (3, "H", "W")
    )
    detector = open_detector(model)
    found = detector(WHITE)
    assert detector.input_size is None and found.names.tolist() == ["car", "person"]
    np.testing.assert_allclose(found.boxes, [[100, 20, 150, 90], [5, 6, 50, 60]])
    assert not len(open_detector(write_detector(tmp_path / "n.onnx", lists([]), (3, "H", "W")))(WHITE))


def test_names_come_from_the_user_else_from_the_model(tmp_path):
    outputs = yolo([(1, 0.9, 30, 16, 20, 8)], 2, False)
    model = write_detector(tmp_path / "d.onnx", outputs, names=["fork", "spoon"])
    assert open_detector(model)(WHITE).names.tolist() == ["spoon"]
    (tmp_path / "names.txt").write_text("knife\nladle\n\n")
    assert open_detector(model, tmp_path / "names.txt")(WHITE).names.tolist() == ["ladle"]
    assert parse_class_names("['a', 'b']") == ("a", "b") and parse_class_names("{0: 'a', 2: 'c'}") == ("a", "", "c")
    assert parse_class_names("__import__('os')") == parse_class_names("3") == parse_class_names("{-1: 'a'}") == ()
    for text in ("{1000000000: 'a'}", "[" * 100_000, "'" + "x" * (5 << 20) + "'"):
        assert parse_class_names(text) == ()


def test_unknown_outputs_tell_their_shapes_and_what_is_understood(tmp_path):
    model = write_detector(tmp_path / "d.onnx", yolo([], 3, False))
    with pytest.raises(Sim2SGError, match=r"output0 \(1, 7, 200\) float32 .*COCO's 80.*\(1\) one tensor"):
        open_detector(model)
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\n")
    with pytest.raises(Sim2SGError, match="4 class names are given"):
        open_detector(model, tmp_path / "names.txt")


@pytest.mark.parametrize(
    ("rows", "message"), [([(95, 0.9, 0, 0, 1, 1)], "finds class 95"), ([(1, 3.7, 0, 0, 1, 1)], "score of 3.7")]
)
def test_what_would_be_silently_wrong_is_refused(tmp_path, rows, message):
    with pytest.raises(Sim2SGError, match=message):
        open_detector(write_detector(tmp_path / "d.onnx", ssd(rows)))(WHITE)


def test_files_that_cannot_be_run(tmp_path):
    for name, message in (
        ("a.onnx", "no such file"),
        ("b.weights", "give .onnx or .pb"),
        ("c.onnx", "cannot open it"),
        ("d.pb", "there is none"),
        ("e.onnx", "batches of 4"),
        ("f.onnx", "takes one image"),
    ):
        path = tmp_path / name
        if name[0] in "bcd":
            path.write_text("not a model")
        if name[0] in "ef":
            write_detector(path, ssd([]), (4, 3, 8, 8) if name[0] == "e" else (1, 8))
        with pytest.raises(Sim2SGError, match=message):
            open_detector(path)
    (tmp_path / "g.pbtxt").write_text("nothing")
    with pytest.raises(Sim2SGError, match=r"g\.pbtxt: OpenCV cannot read them"):
        open_detector(tmp_path / "d.pb")
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(Sim2SGError, match="empty"):
        open_detector(write_detector(tmp_path / "h.onnx", ssd([])), tmp_path / "none.txt")


class Bright:
    """Finds the bright rectangle of an image where it is 4 pixels or more in the detector's input."""

    names = ("lamp",)
    input_size = (100, 100)

    def __call__(self, image):
        ys, xs = np.nonzero(image[..., 0] > 128)
        size = np.ptp(xs) / image.shape[1] * 100 if len(xs) else 0.0
        boxes = np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], float) if size >= 4 else np.zeros((0, 4))
        return Detections(boxes, np.full(len(boxes), min(1.0, size / 20)), np.full(len(boxes), "lamp", object))


@pytest.mark.parametrize("x", [20, 170, 300, 580])
def test_tiles_show_what_is_small_and_whole_images_what_is_cut(x):
    image = np.zeros((180, 600, 3), np.uint8)
    image[60:80, x : x + 18] = 255
    assert not len(Bright()(image))
    found = TiledDetector(Bright())(image)
    np.testing.assert_allclose(found.boxes, [[x, 60, x + 18, 80]])
    image[:] = 0
    image[:, 40:560] = 255  # cut by every tile
    np.testing.assert_allclose(TiledDetector(Bright())(image).boxes, [[40, 0, 560, 180]])


@given(st.integers(20, 2000), st.integers(20, 2000), st.integers(16, 700))
def test_tiles_cover_the_image_and_overlap(width, height, side):
    tiles = np.array(tiles_of(width, height, (side, side)))
    if max(width, height) <= 1.5 * side:
        assert not len(tiles)
        return
    seen = np.zeros((height, width), bool)
    for x1, y1, x2, y2 in tiles:
        assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height and x2 - x1 == y2 - y1
        seen[y1:y2, x1:x2] = True
    assert seen.all()
    columns = np.unique(tiles[:, 0])
    assert len(columns) == 1 or np.diff(columns).max() <= (1 - OVERLAP) * (tiles[0, 2] - tiles[0, 0]) + 1


def test_kitti_images_take_four_tiles_of_their_height():
    tiles = tiles_of(1242, 375, (300, 300))
    assert len(tiles) == 4 and tiles[0] == (0, 0, 375, 375) and tiles[-1] == (867, 0, 1242, 375)
    assert tiles_of(1242, 375, None) == [] and tiles_of(640, 480, (640, 640)) == []


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 99)), max_size=12))
def test_suppression_keeps_the_surest_and_no_two_alike(items):
    boxes = np.array([[x, y, x + s, y + s] for x, y, s, _ in items], float).reshape(-1, 4)
    found = Detections(boxes, np.array([v / 100 for *_, v in items]), np.full(len(items), "a", object))
    kept = suppress(found)
    assert (np.diff(kept.scores) <= 0).all()
    iou = box_iou(kept.boxes, kept.boxes)
    assert (iou[~np.eye(len(kept), dtype=bool)] <= 0.5 + 1e-6).all()
    if items:
        assert kept.scores[0] == found.scores.max()
        assert (box_iou(found.boxes, kept.boxes).max(axis=1) > 0.5 - 1e-6).all()
