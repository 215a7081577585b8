"""The content of the path-traced target, and the labels that come of its instance pictures. Blender is not needed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from path_traced import SPEC, ground_truth, picture
from path_traced_content import Thing, draw_scene, overlap, rectangle

from sim2sg_core.domains import load_domain

TARGET = yaml.safe_load(SPEC.read_text())


def things(scene: dict) -> list[Thing]:
    return [Thing(**t) for t in scene["things"]]


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_everything_stands_and_nothing_overlaps(seed: int) -> None:
    found = things(draw_scene(TARGET, seed))
    tables = [t for t in found if t.label == "table"]
    small = [t for t in found if t.label not in ("table", "chair")]
    for item in small:
        own = [t for t in tables if abs(item.position[2] - t.size[2]) < 1e-9 and inside(item, t)]
        assert own, item
    for i, a in enumerate(small):
        assert not any(overlap(a, b, 0.0) for b in small[:i])
    chairs = [t for t in found if t.label == "chair"]
    for i, a in enumerate(chairs):
        assert a.position[2] == 0
        assert not any(overlap(a, b, 0.0) for b in chairs[:i])


def inside(item: Thing, table: Thing) -> bool:
    c, s = np.cos(table.yaw), np.sin(table.yaw)
    corners = rectangle(item.position[:2], item.yaw, item.size) - table.position[:2]
    local = corners @ np.array([[c, -s], [s, c]])
    return bool((np.abs(local) <= np.array(table.size[:2]) / 2).all())


def test_same_seed_same_scene_and_json_ready() -> None:
    scene = draw_scene(TARGET, 5)
    assert json.loads(json.dumps(scene)) == json.loads(json.dumps(draw_scene(TARGET, 5)))
    assert scene != draw_scene(TARGET, 6)


def test_sets_share_no_scene_and_all_classes_come() -> None:
    seeds = [range(s["first_seed"], s["first_seed"] + s["count"]) for s in TARGET["sets"].values()]
    assert sum(map(len, seeds)) == len(set().union(*seeds))
    labels = {t.label for seed in range(60) for t in things(draw_scene(TARGET, seed))}
    assert labels == set(load_domain("dining").class_names)


def test_labels_are_what_the_pixels_show(tmp_path: Path) -> None:
    scene = draw_scene(TARGET, 3)
    scene["things"] = [
        {
            "label": "table",
            "position": (1.5, 0.0, 0.0),
            "yaw": 0.0,
            "size": (1.2, 0.8, 0.75),
            "seed": 1,
            "kind": "round",
        },
        {"label": "cup", "position": (1.4, 0.1, 0.75), "yaw": 0.0, "size": (0.1, 0.08, 0.1), "seed": 2, "kind": ""},
        {"label": "fork", "position": (1.6, 0.1, 0.75), "yaw": 0.0, "size": (0.2, 0.02, 0.01), "seed": 3, "kind": ""},
    ]
    ids = np.zeros((TARGET["image"]["height"], TARGET["image"]["width"], 3), np.uint8)
    ids[100:200, 50:250, 2] = 1
    ids[90:110, 120:130, 2] = 2  # The fork is hidden.
    cv2.imwrite(str(tmp_path / f"{scene['seed']}.ids.png"), ids)
    (tmp_path / f"{scene['seed']}.json").write_text('{"unoccluded_pixels": [20000, 400, 30]}')
    graph = ground_truth(load_domain("dining"), TARGET, scene, tmp_path, "a.jpg")
    by_label = {o.label: o for o in graph.objects}
    assert set(by_label) == {"table", "cup"}
    np.testing.assert_array_equal(by_label["cup"].box, [120, 90, 130, 110])
    assert by_label["cup"].visibility == pytest.approx(0.5)
    names = {(graph.objects[r.subject].label, r.predicate, graph.objects[r.object].label) for r in graph.relations}
    assert ("cup", "on", "table") in names
    assert ("table", "on", "cup") not in names
    cv2.imwrite(str(tmp_path / f"{scene['seed']}.png"), ids)
    assert picture(TARGET, scene, tmp_path) == picture(TARGET, scene, tmp_path)
