"""COCO that is written image by image is what `to_coco` returns of all at once, and the log is not held."""

from __future__ import annotations

import gc
import json
import weakref

import numpy as np
import pytest

from sim2sg_core.api.graph import Graph, to_coco
from sim2sg_core.cli.graph_output import write_as
from sim2sg_core.scene import Relation, SceneObject

CLASSES, PREDICATES = ("cup", "table"), ("on", "left_of")


def graph(number, **known):
    labels = ("table", "cup", "cup")[: number % 4]
    objects = tuple(SceneObject(label, 0.5 + 0.1 * i, np.array([1.0, 2, 30 + i, 40])) for i, label in enumerate(labels))
    relations = (Relation(1, "on", 0, 0.75),) if len(objects) > 1 else ()
    return Graph(100, 80, objects, relations, f"é {number}.jpg", number, **known)


@pytest.mark.parametrize("known", [{"classes": CLASSES, "predicates": PREDICATES}, {}])
@pytest.mark.parametrize("count", [0, 1, 9])
def test_same_bytes_as_all_at_once(tmp_path, count, known):
    graphs = [graph(i, **known) for i in range(count)]
    write_as("coco", tmp_path / "new" / "coco.json", iter(graphs), "m")
    whole = to_coco(graphs) | {"info": {"description": "scene graphs of m"}}
    assert (tmp_path / "new" / "coco.json").read_text() == json.dumps(whole)
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_no_graph_is_held(tmp_path):
    made = []

    def graphs():
        for i in range(6):
            yield from [one := graph(i)]
            made.append(weakref.ref(one))
            del one
            gc.collect()
            assert sum(ref() is not None for ref in made) <= 1

    write_as("coco", tmp_path / "coco.json", graphs(), "m")
    assert len(made) == 6


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    def graphs():
        yield graph(3)
        raise KeyboardInterrupt

    (tmp_path / "coco.json").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_as("coco", tmp_path / "coco.json", graphs(), "m")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
