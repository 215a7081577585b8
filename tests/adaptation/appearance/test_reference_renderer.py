"""Scenes like the log's, rendered for comparison."""

import dataclasses

import numpy as np

from sim2sg_core.adaptation.appearance.reference_renderer import ReferenceRenderer
from sim2sg_core.adaptation.content.scene_rebuilding import BoxRefinement
from tests.adaptation.content.scenes import CAMERA, graph_of, laid_table, table_domain


def test_references_have_what_their_objects_stand_on():
    # The camera's boxes, so that the ball's foot lies in its table's.
    boxes, (ball, table, _) = BoxRefinement(table_domain()), laid_table()
    scene = graph_of([ball, table], [boxes.box(p, CAMERA) for p in (ball, table)])
    unsure = dataclasses.replace(scene.objects[1], score=0.2)
    graph = dataclasses.replace(scene, objects=(scene.objects[0], unsure))
    renderer = ReferenceRenderer(table_domain(), [graph], np.random.default_rng(0), scenes=1)
    [frame] = renderer.render(table_domain().appearance)
    renderer.close()
    assert sorted(item.label for item in frame.graph.objects) == ["cube", "sphere"]
