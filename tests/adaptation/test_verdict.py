"""What a run comes to, in words."""

import numpy as np
import pytest

from sim2sg_core.adaptation.verdict import always_there, verdict_on
from sim2sg_core.scene import Relation, SceneGraph, SceneObject


def frames(*scores, count=4):
    """Graphs of `count` frames with one object for each score; the first two are related."""
    objects = tuple(SceneObject("cup", score, np.array([0.0, 0, 9, 9])) for score in scores)
    relations = (Relation(0, "left_of", 1, 0.8), Relation(1, "left_of", 0, 0.1)) if len(scores) > 1 else ()
    return [SceneGraph(96, 64, objects, relations) for _ in range(count)]


def judge(before, after, flags=(), rounds=2, changed=True):
    return verdict_on(before, after, flags, rounds=rounds, changed=changed)


def test_objects_and_relations_before_and_after():
    said = judge(frames(0.4, 0.2), frames(0.9, 0.7, 0.1))
    assert said.found.startswith("Per frame it finds 2.0 objects, before adaptation 1.0, and 1.0 relations, before 0.0")
    assert said.sure == "The mean score of these objects, which is their expected precision, is 0.80."
    assert "label some frames and run `sim2sg eval`" in said.next
    assert all("\n" not in line for line in said.sentences)


def test_frames_that_show_nothing_are_counted():
    assert "in 2 of 6 frames nothing is found" in judge(frames(0.9, count=6), frames(0.9) + frames(count=2)).sure


@pytest.mark.parametrize(
    ("after", "options", "advice"),
    [
        (frames(0.29, 0.1), {}, "Train longer"),
        (frames(), {}, "Train longer"),
        (frames(0.29), {"flags": [["dark"], ["dark"], [], []]}, "Record with more light: 2 of 4 frames are dark"),
        (frames(0.9), {}, "fewer objects than before"),
        (frames(0.9, 0.9), {"changed": False}, "No round made it more consistent"),
        (frames(0.4, 0.4), {}, "--rounds 3"),
        (frames(0.9, 0.9), {"rounds": 0, "changed": False}, "Look at the pictures"),
    ],
)
def test_what_to_do_next(after, options, advice):
    assert advice in judge(frames(0.9, 0.9), after, **options).next


def test_a_run_that_finds_nothing_says_how_near_it_came():
    assert (
        judge(frames(0.9), frames(0.1, 0.29)).sure == "No object in 4 frames scores 0.3 or more; the best scores 0.29."
    )
    assert "best scores 0.00" in judge(frames(0.9), frames()).sure


def scene(*boxes):
    return SceneGraph(96, 64, tuple(SceneObject("cup", 0.9, np.array(box, float)) for box in boxes))


def test_a_camera_that_stands_still_is_told():
    place, passing = (0, 0, 10, 10), [(20 + 8 * k, 40, 40 + 8 * k, 60) for k in range(6)]
    still = [scene(place, box) for box in passing]
    assert "stands still and sees 1 cup at the same place" in judge(still, still).next
    assert always_there(still) == ["cup"] and always_there(still[:4]) == []  # too few frames to tell
    moving = [scene(box, box) for box in passing]
    assert "Look at the pictures" in judge(moving, moving).next
    # Where most of what is found comes and goes, a thing that stays is nothing to worry about.
    busy = [scene(place, box, box, box) for box in passing]
    assert "Look at the pictures" in judge(busy, busy).next
