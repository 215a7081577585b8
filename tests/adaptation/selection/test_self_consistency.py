"""SelfConsistency with oneself from another view, and what is chosen by it."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.selection.self_consistency import (
    COMPARED_SCORE,
    ChangedView,
    changed_views,
    compare_views,
    measure_self_consistency,
)
from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.fleet import Loaded
from sim2sg_core.runtime import ModelInfo, Predictor, RawOutput
from sim2sg_core.runtime.preprocessing import NetworkInput, letterbox
from sim2sg_core.scene import Camera, Relation, SceneGraph, SceneObject
from tests.runtime.constant_model import empty_outputs, write_model

CLEVR = load_domain("clevr")
WHOLE = ChangedView(np.zeros((200, 300, 3), np.uint8), np.array([0.0, 0, 300, 200]))
MIRROR = dataclasses.replace(WHOLE, mirrored=True)
NEAR = ChangedView(np.zeros((160, 240, 3), np.uint8), np.array([30.0, 20, 270, 180]))


def measured(predictor, *arguments, **options):
    return measure_self_consistency(Loaded(lambda: predictor), *arguments, **options)


INFO = ModelInfo(
    model_id="seer",
    domain=CLEVR,
    width=150,
    height=100,
    max_objects=3,
    focal_ref=100.0,
    calibrated=True,
    camera=None,
)


class Seer:
    """A model that finds the red cube, the green sphere and the blue cylinder in whatever image it is given."""

    info = INFO

    def __init__(self, score=1.0, sees_left=True, by_name=False):
        self.score, self.sees_left, self.by_name = score, sees_left, by_name
        self.images = 0

    def infer_batch(self, images):
        return [self.infer(image) for image in images]

    def infer(self, image):
        self.images += 1
        pixels, box = letterbox(image, NetworkInput(INFO.width, INFO.height))
        outputs = empty_outputs(3, 6)
        for label in range(3):
            y, x = np.nonzero(pixels[..., label] > pixels[..., [c for c in range(3) if c != label]].max(-1) + 20)
            if len(x) and (self.sees_left or x.min() > 40):
                outputs["boxes"][label] = [x.min(), y.min(), x.max() + 1, y.max() + 1]
                outputs["scores"][label] = self.score
                outputs["classes"][label] = label
        middle = outputs["boxes"][:, [0, 2]].mean(1)
        low = outputs["boxes"][:, 3]
        outputs["pairs"][:] = pairs = np.array([(i, j) for i in range(3) for j in range(3) if i != j])
        left = pairs[:, 0] < pairs[:, 1] if self.by_name else middle[pairs[:, 0]] < middle[pairs[:, 1]]
        outputs["relations"][:] = np.column_stack([left, low[pairs[:, 0]] > low[pairs[:, 1]]])
        return RawOutput(outputs, INFO, box)


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Three coloured things on grey, away from the edges."""
    folder, rng = tmp_path_factory.mktemp("frames"), np.random.default_rng(3)
    made = []
    for number in range(4):
        image = np.full((200, 300, 3), 120, np.uint8)
        for column, channel in enumerate(rng.permutation(3)):
            x, y = 60 + 70 * column + rng.integers(10), rng.integers(40, 120)
            image[y : y + 40, x : x + 36] = np.eye(3)[channel] * 200
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), image[..., ::-1])
        made.append(SampledFrame(path, path.name, number, Camera(300, 200, np.eye(3))))
    return made


def test_one_that_sees_everything_from_everywhere_disagrees_only_about_the_unseen(frames):
    seer = Seer()
    found = measured(seer, frames, CLEVR)
    # Three objects and, in each direction, three pairs; one unseen beside them.
    assert found.objects == pytest.approx(3 / 4) and found.relations == pytest.approx(6 / 7)
    assert found.score == pytest.approx((3 / 4 + 6 / 7) / 2)
    assert (found.objects_per_frame, found.sure_score, found.frames) == (3.0, 1.0, 4) and found.entropy < 1e-6
    assert seer.images == 5 * len(frames)
    assert found == measured(Seer(), frames, CLEVR) and set(found.to_json()) >= {
        "objects",
        "relations",
        "score",
    }


def test_flaws_cost_consistency_where_they_are(frames):
    sound = measured(Seer(), frames, CLEVR)
    unsure = measured(Seer(0.6), frames, CLEVR)
    # Sureness is told apart from consistency: an unsure model can be as right.
    assert unsure.score == sound.score and unsure.sureness < sound.sureness and unsure.entropy > 0.9
    assert unsure.sure_score == pytest.approx(0.6) and unsure.objects_per_frame == pytest.approx(1.8)
    half_blind = measured(Seer(sees_left=False), frames, CLEVR)
    assert half_blind.objects < sound.objects - 0.1
    by_name = measured(Seer(by_name=True), frames, CLEVR)
    assert by_name.objects == sound.objects and by_name.relations < sound.relations - 0.05


def test_a_model_that_finds_nothing_scores_nothing_and_one_that_always_says_the_same_little(frames, tmp_path):
    empty = measured(Predictor(write_model(tmp_path / "empty.onnx", empty_outputs(4, 5))), frames, CLEVR)
    assert list(empty.to_json().values()) == [0, 0, 0, 0, 0, 0, 0, 4]
    outputs = empty_outputs(4, 5)
    outputs["boxes"][0], outputs["scores"][0] = [20, 20, 60, 60], 1.0
    stubborn = measured(Predictor(write_model(tmp_path / "stubborn.onnx", outputs)), frames, CLEVR)
    assert 0 < stubborn.objects < measured(Seer(), frames, CLEVR).objects / 2


def test_frames_are_taken_evenly_and_none_is_an_error(frames):
    seer = Seer()
    assert measured(seer, frames, CLEVR, limit=2).frames == 2 and seer.images == 10
    for wrong in (([], 1), (frames, 0)):
        with pytest.raises(Sim2SGError, match="at least one"):
            measured(seer, wrong[0], CLEVR, wrong[1])


def test_views_show_what_their_windows_say(frames):
    image = frames[0].image()
    rng = np.random.default_rng(0)
    image = np.maximum(image, rng.integers(0, 40, image.shape).astype(np.uint8))
    mirrored, far, near, relit = changed_views(image)
    assert np.array_equal(mirrored.image[:, ::-1], image)
    assert far.image.shape == (250, 375, 3) and near.image.shape == (160, 240, 3)
    assert relit.image.shape == image.shape and not np.array_equal(relit.image, image)
    for view in (far, near):
        x1, y1, x2, y2 = view.window.astype(int)
        corner = view.restore(np.array([[0.0, 0, *view.image.shape[1::-1]]]))[0]
        assert corner.tolist() == [x1, y1, x2, y2]
        cut = image[max(y1, 0) : y2, max(x1, 0) : x2]
        inside = view.image[max(-y1, 0) : max(-y1, 0) + len(cut), max(-x1, 0) : max(-x1, 0) + cut.shape[1]]
        assert np.array_equal(inside, cut)


labels = st.sampled_from(CLEVR.class_names)
boxes = st.tuples(st.integers(0, 250), st.integers(0, 150), st.integers(10, 50), st.integers(10, 50), labels)


@st.composite
def graphs(draw):
    scores = sorted(draw(st.lists(st.floats(COMPARED_SCORE, 1), max_size=6)), reverse=True)
    objects = []
    for score in scores:
        x, y, w, h, label = draw(boxes)
        objects.append(SceneObject(label, score, np.array([x, y, x + w, y + h], float)))
    pairs = [(i, j) for i in range(len(scores)) for j in range(len(scores)) if i != j]
    relations = [
        Relation(i, name, j, draw(st.floats(0.01, 1)))
        for i, j in draw(st.lists(st.sampled_from(pairs), unique=True, max_size=6) if pairs else st.just([]))
        for name in CLEVR.predicate_names
    ]
    return SceneGraph(300, 200, tuple(objects), tuple(relations))


def mirrored(graph):
    objects = [
        dataclasses.replace(o, box=np.array([300 - o.box[2], o.box[1], 300 - o.box[0], o.box[3]]))
        for o in graph.objects
    ]
    relations = [
        dataclasses.replace(r, subject=r.object, object=r.subject) if r.predicate == "left_of" else r
        for r in graph.relations
    ]
    return dataclasses.replace(graph, objects=tuple(objects), relations=tuple(relations))


@given(graphs(), graphs(), st.sampled_from([WHOLE, MIRROR, NEAR]))
def test_scores_stay_in_their_range(a, b, view):
    for tally in compare_views(a, b, view, CLEVR):
        assert 0 <= tally.common <= tally.seen + 1e-9 and 0 <= tally.f_score < 1


@given(graphs())
def test_a_true_mirror_image_agrees_as_much_as_the_image_itself(graph):
    for same, turned in zip(
        compare_views(graph, graph, WHOLE, CLEVR), compare_views(graph, mirrored(graph), MIRROR, CLEVR), strict=True
    ):
        assert (turned.common, turned.seen) == pytest.approx((same.common, same.seen))


@given(st.lists(st.floats(COMPARED_SCORE, 1), max_size=6))
def test_what_is_found_again_is_in_common_by_the_product_of_its_scores(scores):
    """Objects apart from each other, in two equal graphs: drawn by their scores, this is the expected number."""
    scores = sorted(scores, reverse=True)
    graph = things(*(("cube", s, [40 * i, 50, 40 * i + 30, 80]) for i, s in enumerate(scores)))
    objects, _ = compare_views(graph, graph, WHOLE, CLEVR)
    assert (objects.common, objects.seen) == pytest.approx((sum(s * s for s in scores), sum(scores)))


def things(*items):
    return SceneGraph(300, 200, tuple(SceneObject(label, s, np.array(box, float)) for label, s, box in items))


def test_what_the_edge_of_a_view_cuts_counts_neither_here_nor_there():
    ours = things(("cube", 1, [100, 80, 140, 120]), ("cube", 1, [10, 80, 60, 120]), ("sphere", 1, [0, 0, 20, 15]))
    # In the pixels of the view, which begins at (30, 20): the whole cube, and the rest of the cut one.
    theirs = dataclasses.replace(
        things(("cube", 0.9, [70, 60, 110, 100]), ("cube", 0.8, [0, 60, 30, 100])), width=240, height=160
    )
    objects, _ = compare_views(ours, theirs, NEAR, CLEVR)
    assert (objects.common, objects.seen) == pytest.approx((0.9, 0.95))
    # Something at the edge that nobody knows of is left alone; in the middle it counts.
    for box, seen in (([0, 100, 20, 160], 0.95), ([150, 60, 190, 100], 1.45)):
        more = things(("cube", 0.9, [70, 60, 110, 100]), ("sphere", 1.0, box))
        assert compare_views(ours, dataclasses.replace(more, width=240, height=160), NEAR, CLEVR)[
            0
        ].seen == pytest.approx(seen)


def test_another_class_or_place_is_another_object():
    cube = things(("cube", 1, [100, 80, 140, 120]))
    for other in (things(("sphere", 1, [100, 80, 140, 120])), things(("cube", 1, [130, 80, 170, 120]))):
        assert compare_views(cube, other, WHOLE, CLEVR)[0].common == 0
    assert compare_views(cube, cube, WHOLE, CLEVR)[0].common == 1
