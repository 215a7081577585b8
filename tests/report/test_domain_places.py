"""What keeps classes out of prior scenes: each layout is drawn as `sim2sg domain check` draws it."""

import numpy as np
import pytest

from sim2sg_core.domains import Domain
from sim2sg_core.domains.loading import parse_domain
from sim2sg_core.report.domain_places import placing_warnings, standing_on
from sim2sg_core.scene import Layout, Placement
from sim2sg_core.synthesis.synthesizer import sample_layout

GOOD = """\
name: yard
box: visible
input: {width: 320, height: 224}
max_objects: 24
classes:
  - {name: table, size: {length: 1.2, width: 0.8, height: 0.7}, assets: [cube], count: [1, 2]}
  - {name: crate, size: {length: 0.4, width: 0.3, height: 0.2}, assets: [cube]}
  - {name: bottle, sizes: [[0.08, 0.08, 0.25]], assets: [cylinder], supports: [table], count: [2, 4]}
camera: {width: 240, height: 160, hfov_deg: 60, height_m: 1.5, pitch_deg: 20}
layout: {type: scatter, count: [2, 4], distance: [1.5, 5], lateral: [-2, 2]}
"""
NO_ROOM = "check its size, metres, make room (layout: distance, lateral), or draw fewer"


def changed(*changes: tuple[str, str]) -> Domain:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_domain(text, "my.yaml")


def layouts(domain: Domain, count: int = 6) -> list[Layout]:
    made = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        made.append(sample_layout(domain, domain.camera.sample(rng), rng))
    return made


LOW = ("height: 0.7}", "height: 0.7}, surfaces: [0.5]")
LEVEL = (
    "nothing finds a place on table: it must be level, and larger than what stands there, at its surfaces: [0.5]"
    " (shares of its height; level faces of this mesh: 1)"
)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ([], []),
        ([LOW], [f"bottle is never placed; {LEVEL}"]),
        (
            [LOW, ("supports: [table]", "supports: [ground, table]")],
            [f"bottle never stands on table, one of its supports; {LEVEL}, or delete table"],
        ),
        ([("height: 0.7}", "height: 0.02}")], []),  # A mat: what stands on it stands near the ground.
        (
            [("length: 0.4, width: 0.3, height: 0.2", "length: 400, width: 300, height: 200")],
            [
                "crate is never placed; 3.0 are drawn for a scene but find no room: it measures 400 x 300 x 200 m",
                NO_ROOM,
            ],
        ),
        (
            [("count: [1, 2]", "count: [18, 18]"), ("max_objects: 24", "max_objects: 200")],
            [
                "table stands ",
                "where its count: [18, 18] asks for 18.0 or more; 18.0 are drawn for a scene but",
                NO_ROOM,
            ],
        ),
        (
            [("max_objects: 24", "max_objects: 4"), ("count: [2, 4]}", "count: [20, 20]}")],
            [
                "bottle stands ",
                "where its count: [20, 20] asks for ",
                "scenes are full before its turn comes: raise max_objects: (now 4), or lower counts",
            ],
        ),
        (
            [("count: [1, 2]", "count: [0, 0]")],
            [
                "table is never placed; raise its count: (now [0, 0]), or make room",
                "bottle is never placed; raise its count: (now [2, 4]) or the number of table",
            ],
        ),
        (
            [(", count: [2, 4]}", "}")],
            ["bottle is never placed; it stands on table alone: give it a count:"],
        ),
    ],
)
def test_what_is_missing_is_told_with_its_reason(changes, wanted) -> None:
    domain = changed(*changes)
    found = "\n".join(placing_warnings(domain, layouts(domain)))
    assert all(words in found for words in wanted), found
    assert bool(wanted) == bool(found), found


def test_nearest_surface_carries() -> None:
    domain = changed(("height: 0.7}", "height: 0.02}"))
    camera = domain.camera.sample(np.random.default_rng(0))
    mat = Placement("table", np.array([3.0, 0, 0]), 0.0, np.array([1.2, 0.8, 0.02]))
    bottle = np.array([0.08, 0.08, 0.25])
    for x, z, wanted in ((3.0, 0.02, "table"), (3.0, 0.0, "ground"), (5.0, 0.02, "ground"), (3.0, 0.4, "")):
        item = Placement("bottle", np.array([x, 0, z]), 0.0, bottle)
        assert standing_on(domain, item, Layout(camera, (mat, item))) == wanted
