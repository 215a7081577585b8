"""Scene graphs in plain words: the text of ~/get_scene_graph, and the names of objects in all that is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from sim2sg_core.scene import Camera, Pose3D, Relation, SceneGraph, SceneObject


def graph_to_text(graph: SceneGraph) -> str:
    """Returns the graph in plain words: a line per object, then one per relation; each line can be read by itself.

    Such as `cup_3: cup, score 0.91, 0.82 m ahead of the camera, …`, and
    `cup_3 left of book_5, as the camera sees it (0.80)`.
    """
    if not graph.objects:
        return "nothing was found"
    names = object_names(graph.objects)
    lines = [f"{name}: {_describe(item, graph)}" for name, item in zip(names, graph.objects, strict=True)]
    lines += [_sentence(names[r.subject], r, names[r.object]) for r in graph.relations]
    return "\n".join(lines)


def object_names(objects: Sequence[SceneObject]) -> list[str]:
    """Names objects by track id, such as `cup_3`, or by class and index where not all are tracked."""
    if not all(item.id for item in objects):
        return [f"{item.label}_{i}" for i, item in enumerate(objects)]
    return [f"{item.label}_{item.id}" if item.id.isdigit() else item.id for item in objects]


def _describe(item: SceneObject, graph: SceneGraph) -> str:
    x1, y1, x2, y2 = (round(float(v)) for v in item.box)
    words = [item.label, f"score {item.score:.2f}"]
    if item.pose is None:
        words.append(_place_in_image((x1 + x2) / 2 / graph.width, (y1 + y2) / 2 / graph.height))
    else:
        size = " x ".join(_metres(v) for v in item.pose.size)
        words += [*_place(item.pose, graph.camera), f"{size} m long, wide and high"]
    return ", ".join([*words, f"box {x1} {y1} {x2} {y2}"])


def _place(pose: Pose3D, camera: Camera | None) -> list[str]:
    """Says where a box is: along the ground where that is known, else along the camera's own axes."""
    if camera is None or camera.ground is None:
        right, down, ahead = (float(v) for v in pose.position)
        height = f"{_metres(abs(down))} m {'below' if down > 0 else 'above'} it"
    else:
        ahead, left, centre = (float(v) for v in camera.to_world(pose.position))
        right, base = -left, centre - float(pose.size[2]) / 2
        height = f"base {_metres(abs(base))} m {'above' if base > -0.005 else 'below'} the ground"
    side = "right" if right > 0 else "left"
    return [f"{_metres(ahead)} m ahead of the camera", f"{_metres(abs(right))} m to its {side}", height]


def _place_in_image(x: float, y: float) -> str:
    """Says in which ninth of the image a point lies; x and y from 0 to 1."""
    column, row = (min(int(3 * max(v, 0.0)), 2) for v in (x, y))
    words = ("upper", "", "lower")[row], ("left", "middle", "right")[column]
    return f"in the {' '.join(filter(None, words))} of the image"


def _metres(value: float) -> str:
    """Writes centimetres where they matter."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _sentence(subject: str, relation: Relation, target: str) -> str:
    frames = {
        "viewer": ", as the camera sees it",
        "object": f", in the directions of {target} itself",
        "world": ", in the directions of the world",
    }
    words = relation.predicate.replace("_", " ")
    return f"{subject} {words} {target}{frames.get(relation.frame, '')} ({relation.score:.2f})"
