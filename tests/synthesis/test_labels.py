"""Labels by rule, from a layout alone."""

import numpy as np

from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.scene import Camera, Layout, Placement, SceneObject
from sim2sg_core.synthesis.labels import relations_of

CAMERA = Camera.from_extrinsics(640, 480, np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]), 1.5, 0.4)


def test_relations_know_the_surfaces_of_their_own_class():
    data = load_domain("clevr").to_json()
    data["predicates"] = [{"name": "on", "rule": "on", "margin": 0.02}]
    data["relation_classes"] = ["cube", "sphere"]
    data["classes"][0]["surfaces"] = [0.5]
    chair = Placement("cube", np.array([3.0, 0, 0]), 0.0, np.array([0.45, 0.45, 0.9]))
    book = Placement("sphere", np.array([3.0, 0, 0.45]), 0.0, np.array([0.2, 0.2, 0.05]))
    other = Placement("cylinder", np.array([3.0, 1.0, 0]), 0.0, np.array([0.45, 0.45, 0.9]))
    layout = Layout(CAMERA, (other, book, chair))
    objects = [SceneObject(p.label, 1.0, np.zeros(4), p.to_pose(CAMERA)) for p in layout.placements]
    [found] = relations_of(Domain.from_json(data), layout, objects)
    assert (found.subject, found.predicate, found.object) == (1, "on", 2)
    data["classes"][0]["surfaces"] = [1.0]
    assert relations_of(Domain.from_json(data), layout, objects) == ()
