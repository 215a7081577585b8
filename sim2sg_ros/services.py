"""Answers ~/get_scene_graph: the part of the latest graph that is asked for, as a message, text and JSON."""

from __future__ import annotations

import dataclasses

from sim2sg.srv import GetSceneGraph

from sim2sg_core.scene import SceneGraph
from sim2sg_ros.camera_stream import LatestGraph
from sim2sg_ros.graph_conversions import graph_to_json, graph_to_message
from sim2sg_ros.graph_text import graph_to_text
from sim2sg_ros.tf_lookup import apply_transform


def answer_get_scene_graph(
    latest: LatestGraph, age: float, request: GetSceneGraph.Request, response: GetSceneGraph.Response
) -> GetSceneGraph.Response:
    """Fills in a response.

    Args:
        latest: The latest graph.
        age: Its age, seconds.
        request: What is asked for.
        response: To be filled in; poses are in the frame that graphs are published in, in text and JSON as the
            camera sees them.
    """
    info = latest.info
    limit = request.max_age.sec + request.max_age.nanosec / 1e9
    unknown = {*request.class_names} - {*info.classes} | {*request.predicates} - {*info.predicates}
    if unknown:
        response.message = (
            f"{', '.join(sorted(unknown))}: not known to the model;"
            f" classes are {', '.join(info.classes)}, predicates are {', '.join(info.predicates)}"
        )
    elif 0 < limit < age:
        response.message = f"the latest graph is {age:.2f} s old, max_age is {limit:g} s"
    else:
        graph, message = select_subgraph(latest.graph, request), latest.message
        response.success = True
        response.graph = graph_to_message(graph, latest.header, message.model_id, message.sequence)
        response.graph.processing_time = message.processing_time
        apply_transform(response.graph, latest.transform)
        response.text = graph_to_text(graph)
        response.json = graph_to_json(graph)
    return response


def select_subgraph(graph: SceneGraph, request: GetSceneGraph.Request) -> SceneGraph:
    """Returns the part of a graph that a GetSceneGraph request asks for."""
    classes = set(request.class_names)
    graph = graph.select([i for i, o in enumerate(graph.objects) if not classes or o.label in classes])
    graph = graph.filtered(request.min_object_score, request.min_relation_score)
    predicates = set(request.predicates)
    kept = tuple(r for r in graph.relations if not predicates or r.predicate in predicates)
    return dataclasses.replace(graph, relations=kept)
