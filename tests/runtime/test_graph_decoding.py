"""Decoding in arrays gives what one would write down object by object, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim2sg_core.runtime import DecodeOptions, ModelInfo, load_info
from sim2sg_core.runtime.graph_decoding import decode_graph
from sim2sg_core.runtime.preprocessing import Letterbox
from tests.runtime.constant_model import INPUT, empty_outputs

K, R = 7, 25


@pytest.fixture
def info(make_model) -> ModelInfo:
    return load_info(make_model(empty_outputs(K, R)))


def random_outputs(seed: int) -> dict[str, np.ndarray]:
    """Padding, boxes outside the image, pairs of an object with itself, scores in disorder: everything at once."""
    rng = np.random.default_rng(seed)
    outputs = empty_outputs(K, R)
    corner = rng.uniform(-30, 300, (K, 2))
    outputs["boxes"][:] = np.concatenate([corner, corner + rng.uniform(-5, 60, (K, 2))], axis=1)
    outputs["scores"][:] = rng.random(K) * (rng.random(K) > 0.2)
    outputs["classes"][:] = rng.integers(0, 3, K)
    outputs["pairs"][:] = rng.integers(0, K, (R, 2))
    outputs["relations"][:] = rng.random((R, 2)) * (rng.random((R, 2)) > 0.2)
    return outputs


def plainly(outputs, info: ModelInfo, box: Letterbox, object_threshold: float, relation_threshold: float):
    """Objects (label, score, box) and relations (subject, predicate, object, score) by loops."""
    (width, height), ratio, shift = box.source, box.ratio, np.array([*box.offset, *box.offset])
    place, objects = {}, []
    for k in sorted(range(K), key=lambda k: -outputs["scores"][k]):
        xyxy = ((outputs["boxes"][k].astype(float) - shift) * [*ratio, *ratio]).clip(0, [width, height, width, height])
        score = float(outputs["scores"][k])
        if score > 0 and score >= object_threshold and xyxy[2] > xyxy[0] and xyxy[3] > xyxy[1]:
            place[k] = len(objects)
            objects.append((info.classes[outputs["classes"][k]], score, xyxy.tolist()))
    relations = []
    for (s, o), chances in zip(outputs["pairs"].tolist(), outputs["relations"]):
        for predicate, chance in zip(info.predicates, chances.tolist()):
            if s != o and s in place and o in place and chance > 0 and chance >= relation_threshold:
                triplet = np.float32(chance) * outputs["scores"][s] * outputs["scores"][o]
                relations.append((triplet, (place[s], predicate, place[o], chance)))
    return objects, [relation for _, relation in sorted(relations, key=lambda pair: -pair[0])]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    seed=st.integers(0, 10**6),
    size=st.sampled_from([(640, 480), (320, 240), (1000, 200), (90, 400)]),
    thresholds=st.sampled_from([(0.0, 0.0), (0.3, 0.5), (0.0, 0.9), (0.9, 0.0)]),
)
def test_arrays_or_loops(info, seed, size, thresholds):
    outputs, box = random_outputs(seed), Letterbox.fit(*size, INPUT)
    graph = decode_graph(outputs, info, box, None, DecodeOptions(*thresholds), file="a", stamp=3)
    objects, relations = plainly(outputs, info, box, *thresholds)
    assert [(o.label, o.score, o.box.tolist()) for o in graph.objects] == objects
    assert [(r.subject, r.predicate, r.object, r.score) for r in graph.relations] == relations
    assert (graph.width, graph.height, graph.file, graph.stamp) == (*size, "a", 3)
