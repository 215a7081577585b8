"""A camera over clevr's ground, and graphs of what it sees."""

import numpy as np

from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.lifting.extrinsics import with_extrinsics
from sim2sg_core.scene import Camera, Placement, Relation, SceneGraph, SceneObject

CLEVR = load_domain("clevr")
K = np.array([[525.0, 0, 240], [0, 525, 160], [0, 0, 1]])
EXTRINSICS = np.array([5.2, np.radians(27), 0.0])
CAMERA = with_extrinsics(Camera(480, 320, K), EXTRINSICS)


def cube_graph(scores=(0.9, 0.5, 0.1), camera=CAMERA):
    places = [(8.0, 1.5), (10.0, -1.0), (9.0, 3.0)]
    objects = tuple(
        SceneObject(
            "cube",
            s,
            np.zeros(4),
            Placement("cube", np.array([x, y, 0]), 0.3, np.full(3, 0.99)).to_pose(camera),
        )
        for s, (x, y) in zip(scores, places, strict=True)
    )
    return SceneGraph(480, 320, objects, (Relation(0, "left_of", 1, 0.9),), camera=camera)


def table_domain(**training):
    """Cubes are tables, spheres stand on them, cylinders may also stand on the ground."""
    data = CLEVR.to_json()
    data["classes"][0]["surfaces"] = [0.5, 1.0]
    data["classes"][1]["supports"] = ["cube"]
    data["classes"][2]["supports"] = ["ground", "cube"]
    data["training"] |= training
    return Domain.from_json(data)


def laid_table(height=0.99):
    table = Placement("cube", np.array([9.0, 0.5, 0]), 0.3, np.full(3, 0.99))
    ball = Placement("sphere", np.array([9.2, 0.3, height]), 0.0, np.full(3, 0.7))
    alone = Placement("cylinder", np.array([9.0, 3.0, 0]), 0.0, np.full(3, 0.7))
    return [ball, table, alone]


def graph_of(placements, boxes=None):
    objects = tuple(
        SceneObject(p.label, 1.0, np.zeros(4) if boxes is None else boxes[k], p.to_pose(CAMERA))
        for k, p in enumerate(placements)
    )
    return SceneGraph(480, 320, objects, (), camera=CAMERA)
