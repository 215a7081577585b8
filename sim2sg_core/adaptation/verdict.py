"""What a run came to, in three sentences: what is found, how sure that is, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.scene import SceneGraph
from sim2sg_core.scene.boxes import box_iou
from sim2sg_core.scene.graph import DEFAULT_OBJECT_THRESHOLD, DEFAULT_RELATION_THRESHOLD

MUCH_DARK = 0.3  # of the frames
SURE = 0.5  # mean score from which a model counts as sure
STILL, SAME = 0.8, 0.7  # share of the frames, and IoU, from which an object is at the same place throughout
LEAST_FRAMES = 5  # to tell that
MUCH_STILL = 0.5  # of the objects of a frame
FEWER = 0.7  # times as many objects as before, from which on a loss is told


@dataclass(frozen=True)
class Verdict:
    """Three sentences.

    Attributes:
        found: Objects and relations per frame, before and after.
        sure: How sure the model is of them.
        next: What to do.
    """

    found: str
    sure: str
    next: str

    @property
    def sentences(self) -> tuple[str, str, str]:
        """All three."""
        return self.found, self.sure, self.next


def verdict_on(
    before: Sequence[SceneGraph],
    after: Sequence[SceneGraph],
    flags: Sequence[Sequence[str]],
    *,
    rounds: int,
    changed: bool,
) -> Verdict:
    """Judges a run by what its first and its final model infer on the log. No label is looked at.

    Args:
        before: What the first model infers, one unthresholded graph per frame.
        after: What the final model infers.
        flags: Of the frames, see `logs.frame_flags`.
        rounds: How many there were.
        changed: Whether the final model is another than the first.
    """
    old, new = (
        [g.filtered(DEFAULT_OBJECT_THRESHOLD, DEFAULT_RELATION_THRESHOLD) for g in gs] for gs in (before, after)
    )
    scores = np.concatenate([np.zeros(0), *(graph.scores() for graph in new)])
    return Verdict(
        _found(old, new, changed), _sure(new, after, scores), _next(old, new, scores, flags, rounds, changed)
    )


def _found(old: Sequence[SceneGraph], new: Sequence[SceneGraph], changed: bool) -> str:
    counts = [(_mean(len(g.objects) for g in gs), _mean(len(g.relations) for g in gs)) for gs in (old, new)]
    (objects, relations), (now_objects, now_relations) = counts
    least = f"scores of {DEFAULT_OBJECT_THRESHOLD:g} and {DEFAULT_RELATION_THRESHOLD:g} or more"
    if not changed:
        return f"Per frame it finds {now_objects:.1f} objects and {now_relations:.1f} relations ({least})."
    return (
        f"Per frame it finds {now_objects:.1f} objects, before adaptation {objects:.1f}, and {now_relations:.1f}"
        f" relations, before {relations:.1f} ({least})."
    )


def _sure(new: Sequence[SceneGraph], after: Sequence[SceneGraph], scores: np.ndarray) -> str:
    empty = sum(not graph.objects for graph in new)
    if not len(scores):
        best = max((float(g.scores().max()) for g in after if g.objects), default=0.0)
        return (
            f"No object in {len(new)} frames scores {DEFAULT_OBJECT_THRESHOLD:g} or more; the best scores {best:.2f}."
        )
    blank = f"; in {empty} of {len(new)} frames nothing is found" if empty else ""
    return f"The mean score of these objects, which is their expected precision, is {float(scores.mean()):.2f}{blank}."


def _next(
    old: Sequence[SceneGraph],
    new: Sequence[SceneGraph],
    scores: np.ndarray,
    flags: Sequence[Sequence[str]],
    rounds: int,
    changed: bool,
) -> str:
    dark = sum("dark" in of_frame for of_frame in flags)
    if dark >= MUCH_DARK * max(1, len(flags)):
        return f"Record with more light: {dark} of {len(flags)} frames are dark."
    if not len(scores):
        return (
            "Train longer (--source-frames and --source-steps in a new --out), after a look at the report: are the"
            " domain's objects in these frames, and do its renders resemble them?"
        )
    if len(scores) < FEWER * sum(len(graph.objects) for graph in old):
        return "It finds fewer objects than before: if the report shows that those were right, take source/model.onnx."
    if rounds and not changed:
        return (
            "No round made it more consistent: compare the report's pictures with round_1/model.onnx before you use it."
        )
    if float(scores.mean()) < SURE:
        return f"It is unsure: train longer, by the same command with --rounds {rounds + 1}."
    if changed and len(steady := always_there(new)) >= MUCH_STILL * len(scores) / len(new):
        return (
            f"The camera stands still and sees {_listed(steady)} at the same place all the time: what is wrong there"
            " was taught too, so look at these in the report, and record other places as well."
        )
    return "Look at the pictures in the report; to know how good it is, label some frames and run `sim2sg eval`."


def always_there(graphs: Sequence[SceneGraph]) -> list[str]:
    """Returns the classes, sorted, of the objects that nearly all frames show at the same place."""
    if len(graphs) < LEAST_FRAMES:
        return []
    found = []
    for item in graphs[len(graphs) // 2].objects:
        seen = 0
        for graph in graphs:
            of_class = np.array([other.box for other in graph.objects if other.label == item.label])
            seen += len(of_class) > 0 and bool((box_iou(item.box[None], of_class) >= SAME).any())
        if seen >= STILL * len(graphs):
            found.append(item.label)
    return sorted(found)


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(f"{count} {label}" for label, count in Counter(labels).items())


def _mean(counts: Iterable[int]) -> float:
    values = list(counts)
    return sum(values) / max(1, len(values))
