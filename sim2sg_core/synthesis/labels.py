"""Exact labels of a rendered scene."""

from __future__ import annotations

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.render.projection import cuboid_box
from sim2sg_core.render.render_scene import Rendered
from sim2sg_core.scene import Layout, SceneGraph, SceneObject, derive_relations
from sim2sg_core.scene.graph import Relation


def make_graph(domain: Domain, layout: Layout, rendered: Rendered) -> SceneGraph:
    """Builds the ground truth of a picture.

    Objects of which no pixel is seen are dropped. How much of the others counts as a label is for the consumer to say
    (`domain.labels`): each carries its visibility.

    Args:
        domain: Says which box is the box, and which predicates there are.
        layout: The content; its placements are the first instances that were drawn, in order.
        rendered: What the renderer gave.

    Returns:
        The graph, objects by distance.
    """
    count = len(layout.placements)
    order = [k for k in range(count) if rendered.visible_pixels[k] > 0]
    poses = {k: layout.placements[k].to_pose(layout.camera) for k in order}
    order.sort(key=lambda k: float(poses[k].position[2]))
    limit = np.array([layout.camera.width, layout.camera.height] * 2, float)

    def whole_box(k: int) -> np.ndarray:
        if domain.box == "amodal":
            return rendered.amodal[k]
        return cuboid_box(layout.placements[k], layout.camera)

    objects = []
    for k in order:
        box = rendered.boxes[k] if domain.box == "visible" else np.clip(whole_box(k), 0, limit)
        share = rendered.visible_pixels[k] / max(rendered.unoccluded_pixels[k], 1)
        objects.append(SceneObject(layout.placements[k].label, 1.0, box, poses[k], float(min(share, 1.0))))
    return SceneGraph(
        layout.camera.width,
        layout.camera.height,
        tuple(objects),
        relations_of(domain, layout, objects),
        camera=layout.camera,
    )


def relations_of(domain: Domain, layout: Layout, objects: list[SceneObject]) -> tuple[Relation, ...]:
    """Decides the predicates between objects of the domain's related classes, by rule from their 3D boxes."""
    related = [k for k, o in enumerate(objects) if o.label in domain.related_names]
    poses = [pose for k in related if (pose := objects[k].pose) is not None]
    surfaces = [domain.class_spec(objects[k].label).surfaces for k in related if objects[k].pose is not None]
    insides = [domain.class_spec(objects[k].label).inside for k in related if objects[k].pose is not None]
    found = derive_relations(poses, layout.camera, domain.rules(), surfaces, insides)
    return tuple(Relation(related[r.subject], r.predicate, related[r.object], r.score, r.frame) for r in found)
