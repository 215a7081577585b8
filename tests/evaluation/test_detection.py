"""Average precision: worked by hand, by law, and against pycocotools."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.evaluation.detection import (
    ImageBoxes,
    average_precision,
    box_coverage,
    match_image,
    mean_precision,
)

NO_BOXES = np.zeros((0, 4))


def boxes(*rows):
    return np.array(rows, float).reshape(-1, 4)


def image(predicted, scores, truths, ignored=None, regions=NO_BOXES, forgiven=()):
    truths = boxes(*truths)
    ignored = np.zeros(len(truths), bool) if ignored is None else np.array(ignored, bool)
    return ImageBoxes(boxes(*predicted), np.array(scores, float), truths, ignored, regions, np.array(forgiven, bool))


A, B, C, D = (0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10), (60, 0, 70, 10)
NEAR_A = (0, 0, 10, 8)  # IoU .8 with A
NOWHERE = (200, 200, 210, 210)


def test_area_under_the_envelope_by_hand():
    # hit, miss, hit, hit of 4: precision 1, 1/2, 2/3, 3/4 at recall .25, .25, .5, .75; the envelope
    # lifts the middle to 3/4: .25 * 1 + .5 * .75 = .625.
    curve = average_precision([image([A, NOWHERE, B, C], [0.9, 0.8, 0.7, 0.6], [A, B, C, D])])
    assert curve.recall.tolist() == [0.25, 0.25, 0.5, 0.75]
    assert curve.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4])
    assert curve.envelope().tolist() == pytest.approx([1, 3 / 4, 3 / 4, 3 / 4])
    assert curve.ap == pytest.approx(0.625)


def test_second_box_on_an_object_is_a_false_alarm():
    curve = average_precision([image([A, NEAR_A, B], [0.9, 0.8, 0.7], [A, B])])
    assert curve.ap == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_best_scored_box_takes_the_object_even_if_another_fits_better():
    hit, dropped, truth = match_image(image([NEAR_A, A], [0.9, 0.8], [A]))
    assert hit.tolist() == [True, False]
    assert truth.tolist() == [0, -1]
    assert not dropped.any()


def test_a_box_takes_the_object_that_it_overlaps_most():
    shifted = (3, 0, 13, 10)
    hit, _, truth = match_image(image([shifted, A], [0.9, 0.8], [A, (4, 0, 14, 10)]))
    assert hit.tolist() == [True, True]
    assert truth.tolist() == [1, 0]


def test_overlap_of_exactly_half_counts():
    half = (0, 0, 10, 5)
    assert average_precision([image([half], [0.9], [A])]).ap == 1
    assert average_precision([image([(0, 0, 10, 4.99)], [0.9], [A])]).ap == 0


def test_ignored_object_is_neither_hit_nor_false_alarm_nor_miss():
    curve = average_precision([image([A, B], [0.9, 0.8], [A, B], ignored=[True, False])])
    assert (curve.ap, curve.truths, curve.predictions) == (1, 1, 1)


def test_second_box_on_an_ignored_object_is_a_false_alarm():
    curve = average_precision([image([A, NEAR_A, B], [0.9, 0.8, 0.7], [A, B], ignored=[True, False])])
    assert curve.ap == pytest.approx(1 / 2)


def test_object_that_counts_goes_before_an_ignored_one_with_larger_overlap():
    hit, dropped, truth = match_image(image([A], [0.9], [A, NEAR_A], ignored=[True, False]))
    assert hit.tolist() == [True]
    assert truth.tolist() == [1]
    assert dropped.tolist() == [False]


def test_false_alarm_mostly_in_an_unlabelled_region_is_dropped():
    region = boxes((195, 195, 205, 250))  # covers half of NOWHERE
    curve = average_precision([image([NOWHERE, A], [0.9, 0.8], [A], regions=region)])
    assert curve.ap == 1
    narrower = boxes((195, 195, 204.9, 250))
    assert average_precision([image([NOWHERE, A], [0.9, 0.8], [A], regions=narrower)]).ap == 0.5


def test_hit_inside_a_region_stays_a_hit():
    curve = average_precision([image([A], [0.9], [A], regions=boxes((0, 0, 100, 100)))])
    assert (curve.ap, curve.predictions) == (1, 1)


def test_region_swallows_any_number_of_boxes():
    region = boxes((190, 190, 260, 260))
    many = [NOWHERE, (201, 200, 211, 210), (202, 200, 212, 210)]
    curve = average_precision([image([*many, A], [0.9, 0.8, 0.7, 0.6], [A], regions=region)])
    assert (curve.ap, curve.predictions) == (1, 1)


def test_forgiven_box_counts_only_when_it_hits():
    curve = average_precision([image([NOWHERE, A], [0.9, 0.8], [A], forgiven=[True, True])])
    assert (curve.ap, curve.predictions) == (1, 1)


def test_equal_scores_earn_nothing_by_their_order():
    hit_first = [image([A], [0.5], [A]), image([NOWHERE], [0.5], [B])]
    curve = average_precision(hit_first)
    assert curve.precision.tolist() == [0.5]
    assert curve.ap == average_precision(hit_first[::-1]).ap == pytest.approx(0.25)


def test_nothing_to_find_is_not_zero():
    curve = average_precision([image([A], [0.9], [])])
    assert curve.ap is None
    assert average_precision([image([], [], [])]).ap is None
    assert average_precision([image([A], [0.9], [A], ignored=[True])]).ap is None


def test_nothing_found_is_zero():
    assert average_precision([image([], [], [A])]).ap == 0


def test_mean_leaves_out_classes_with_nothing_to_find():
    assert mean_precision([1.0, None, 0.5]) == 0.75
    assert mean_precision([None]) is None


def test_coverage_is_over_the_prediction():
    assert box_coverage(boxes(A), boxes((0, 0, 5, 10), (0, 0, 100, 100))).tolist() == [[0.5, 1.0]]
    assert box_coverage(boxes((5, 5, 5, 5)), boxes(A)).tolist() == [[0.0]]


# ---- laws ----


@st.composite
def scenes(draw):
    """A few images with random truths and predictions scattered about them; scores have ties."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draw(st.integers(1, 4))):
        truths = random_boxes(rng, rng.integers(0, 6))
        about = truths[rng.integers(0, len(truths), 4)] + rng.integers(-6, 7, (4, 4)) if len(truths) else NO_BOXES
        predicted = np.concatenate([about, random_boxes(rng, rng.integers(0, 4))])
        predicted[:, 2:] = np.maximum(predicted[:, 2:], predicted[:, :2] + 1)
        scores = rng.integers(1, 20, len(predicted)) / 20
        ignored = rng.random(len(truths)) < 0.2
        found.append(ImageBoxes(predicted, scores, truths, ignored, random_boxes(rng, rng.integers(0, 2))))
    return found


def random_boxes(rng, count):
    corner = rng.integers(0, 60, (count, 2))
    return np.concatenate([corner, corner + rng.integers(5, 40, (count, 2))], axis=1).astype(float)


@given(scenes())
def test_perfect_predictions_reach_one(images):
    perfect = [ImageBoxes(i.truths, np.ones(len(i.truths)), i.truths, i.ignored, i.regions) for i in images]
    # Two equal truths of which one is ignored could be swapped, but not to the loss of the one that counts.
    assert average_precision(perfect).ap in (1.0, None)


@given(scenes())
def test_worst_scored_false_alarm_never_helps(images):
    before = average_precision(images).ap
    first = images[0]
    extra = ImageBoxes(
        np.concatenate([first.boxes, [[500, 500, 520, 520]]]),
        np.append(first.scores, 0.01),
        first.truths,
        first.ignored,
        first.regions,
    )
    after = average_precision([extra, *images[1:]]).ap
    assert after == before if before is None else after <= before + 1e-12


@given(scenes(), st.randoms(use_true_random=False))
def test_order_changes_nothing(images, random):
    shuffled = []
    for i in images:
        p = random.sample(range(len(i.boxes)), len(i.boxes))
        t = random.sample(range(len(i.truths)), len(i.truths))
        shuffled.append(ImageBoxes(i.boxes[p], i.scores[p], i.truths[t], i.ignored[t], i.regions))
    random.shuffle(shuffled)
    assert average_precision(shuffled).ap == pytest.approx(average_precision(images).ap)


@given(scenes())
def test_recall_rises_and_precision_is_a_share(images):
    curve = average_precision(images)
    assert (np.diff(curve.recall) >= 0).all()
    assert ((curve.precision >= 0) & (curve.precision <= 1)).all()
    assert (np.diff(curve.scores) < 0).all()
    assert curve.ap is None or 0 <= curve.ap <= 1


# ---- the judge of the field ----


def coco_precision(images):
    """Precision at COCO's 101 recall points, IoU .5, by pycocotools; ignored truths by its own flag."""
    coco_module = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval

    annotations, results = [], []
    for n, i in enumerate(images):
        for box, ignored in zip(i.truths, i.ignored):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": n,
                    "category_id": 1,
                    "bbox": [*box[:2], *(box[2:] - box[:2])],
                    "area": 10.0,
                    "iscrowd": 0,
                    "ignore": int(ignored),
                }
            )
        for box, score in zip(i.boxes, i.scores):
            results.append({"image_id": n, "category_id": 1, "bbox": [*box[:2], *(box[2:] - box[:2])], "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = coco_module.COCO()
        coco.dataset = {
            "images": [{"id": n} for n in range(len(images))],
            "annotations": annotations,
            "categories": [{"id": 1, "name": "thing"}],
        }
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(results), "bbox")
        judge.params.iouThrs = np.array([0.5])
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        # pycocotools forgets the flag of the file unless it is a crowd's; put it back where it looks.
        prepare = judge._prepare

        def keep_ignored():
            prepare()
            for truths in judge._gts.values():
                for truth in truths:
                    truth["ignore"] = annotations[truth["id"] - 1]["was_ignored"]

        for annotation in annotations:
            annotation["was_ignored"] = annotation["ignore"]
        judge._prepare = keep_ignored
        judge.evaluate()
        judge.accumulate()
    return judge.eval["precision"][0, :, 0, 0, -1], judge.params.recThrs, judge.eval["recall"][0, 0, 0, -1]


@pytest.mark.parametrize("seed", range(8))
def test_curve_equals_that_of_pycocotools(seed):
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(12):
        truths = random_boxes(rng, rng.integers(1, 7)) + rng.random((1, 4))
        noise = rng.normal(0, 3, (2 * len(truths), 4))
        predicted = np.concatenate([np.repeat(truths, 2, axis=0) + noise, random_boxes(rng, 3)])
        predicted[:, 2:] = np.maximum(predicted[:, 2:], predicted[:, :2] + 1)
        ignored = rng.random(len(truths)) < 0.25
        images.append(ImageBoxes(predicted, rng.random(len(predicted)), truths, ignored))
    curve = average_precision(images)
    precision, points, recall = coco_precision(images)
    # COCO reads the envelope at 101 recalls: the first point of the curve that reaches each.
    at = np.searchsorted(curve.recall, points, side="left")
    ours = np.append(curve.envelope(), 0.0)[np.minimum(at, len(curve.recall))]
    assert np.allclose(ours, precision, atol=1e-9)
    assert curve.recall[-1] == pytest.approx(recall)
    # So all that parts the two figures is where the envelope is read.
    assert curve.ap == pytest.approx(precision.mean(), abs=0.011)
    assert 0.2 < curve.ap < 0.95  # an easy case would prove nothing
