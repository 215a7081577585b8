"""Things inside things: prior scenes put them there, and rebuilt ones again."""

import dataclasses
import json

import numpy as np
import pytest
import trimesh

from sim2sg_core.adaptation.content.scene_rebuilding import SceneRebuilder
from sim2sg_core.adaptation.method import ResolvedMethod
from sim2sg_core.domains import Domain, MeshSpec, load_domain
from sim2sg_core.domains.loading import parse_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.lifting import lift_graph
from sim2sg_core.scene import Camera, Placement, SceneGraph, SceneObject
from sim2sg_core.scene.predicates import PredicateRule, rule_matrix
from sim2sg_core.synthesis.assets.file_assets import file_asset, file_asset_name
from sim2sg_core.synthesis.assets.registry import asset_names, load_asset
from sim2sg_core.synthesis.labels import relations_of
from sim2sg_core.synthesis.layouts.hollows import hollow_floor, hollow_region
from sim2sg_core.synthesis.layouts.supports import level_faces
from sim2sg_core.synthesis.synthesizer import sample_layout
from sim2sg_core.synthesis.validate_assets import validate_assets

DOMAIN = """\
name: bins
box: visible
input: {width: 128, height: 96}
max_objects: 24
camera: {width: 320, height: 240, hfov_deg: 60, height_m: [1.5, 2.0], pitch_deg: [45, 55]}
layout: {type: scatter, count: 0, distance: [1.0, 1.9], lateral: [-0.6, 0.6], min_gap: 0.02}
predicates:
  - {name: inside, rule: inside, margin: 0.02, inverse: holds}
  - {name: "on", rule: "on", margin: 0.02}
classes:
  - name: bin
    meshes: [bin.obj]
    size: {length: [0.45, 0.6], width: [0.35, 0.45], height: [0.25, 0.3]}
    inside: 0.07
    count: [1, 2]
  - {name: ball, assets: [sphere], sizes: [[0.1, 0.1, 0.1]], yaw_symmetry: 0, supports: [bin], count: [2, 4]}
  - {name: brick, assets: [cube], sizes: [[0.1, 0.08, 0.06]], supports: [ground, bin], count: [1, 2]}
"""


def open_box(length, width, height, wall=0.02, floor=0.02):
    """A box open above, of boards."""
    boards = [((length, width, floor), (0, 0, floor / 2))]
    boards += [((wall, width, height), (s * (length - wall) / 2, 0, height / 2)) for s in (-1, 1)]
    boards += [((length, wall, height), (0, s * (width - wall) / 2, height / 2)) for s in (-1, 1)]
    parts = []
    for extents, place in boards:
        part = trimesh.creation.box(extents)
        part.apply_translation(place)
        parts.append(part)
    return trimesh.util.concatenate(parts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("inside")
    open_box(0.5, 0.4, 0.5 * 0.55).export(path / "bin.obj")
    return path


@pytest.fixture(scope="module")
def domain(folder):
    return parse_domain(DOMAIN, str(folder / "bins.yaml"))


def scene(domain, seed):
    rng = np.random.default_rng(seed)
    return sample_layout(domain, domain.camera.sample(rng, None), rng)


def facts(domain, layout):
    objects = [SceneObject(p.label, 1.0, np.zeros(4), p.to_pose(layout.camera)) for p in layout.placements]
    return {(r.subject, r.predicate, r.object) for r in relations_of(domain, layout, objects)}


def test_hollows_are_where_water_stands(folder):
    bin_asset = file_asset(file_asset_name(MeshSpec(file=str(folder / "bin.obj"))))
    region = hollow_region(bin_asset, 0.07)
    assert np.abs(region).max(axis=0) == pytest.approx([0.46, 0.45], abs=0.05)
    assert hollow_floor(bin_asset) == pytest.approx(0.07, abs=0.05)
    assert level_faces(bin_asset)[0] == pytest.approx(0.07, abs=0.01) and level_faces(bin_asset)[-1] == pytest.approx(1)
    for name in ("cube", "sphere"):
        assert hollow_floor(load_asset(name)) is None and len(hollow_region(load_asset(name), 0.1)) == 0
    cup = load_asset(next(name for name in asset_names("cup")))
    assert 0 < hollow_floor(cup) < 0.3 and np.abs(hollow_region(cup, 0.1)).max() < 0.5


def test_what_a_bin_holds_is_in_it(domain):
    held = stood = 0
    for seed in range(12):
        layout = scene(domain, seed)
        found = facts(domain, layout)
        for k, item in enumerate(layout.placements):
            hosts = {o for s, p, o in found if s == k and p == "inside"}
            if item.label == "ball":
                assert len(hosts) == 1
            for host in hosts:
                container = layout.placements[host]
                held += 1
                assert container.label == "bin"
                assert item.position[2] == pytest.approx(container.position[2] + 0.07 * container.size[2])
                c, s = np.cos(container.yaw), np.sin(container.yaw)
                own = (item.footprint() - container.position[:2]) @ np.array([[c, -s], [s, c]])
                assert (np.abs(own) <= container.size[:2] / 2).all()
            stood += item.label == "brick" and not hosts
        assert not [f for f in found if f[1] == "on"]
    assert held > 20 and stood > 5


def test_domains_without_it_are_what_they_were(domain):
    dining = load_domain("dining")
    assert "inside" not in json.dumps(dining.to_json())
    assert Domain.from_json(domain.to_json()).hash() == domain.hash()
    spec = domain.class_spec("bin")
    assert (spec.inside, spec.surfaces) == (0.07, ())
    assert Domain.from_json(domain.to_json()).class_spec("bin") == spec
    assert domain.class_insides == {"bin": 0.07} and domain.inverses() == {"inside": "holds"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("inside: 0.07", "inside: 1.0"), "inside: 1.0 is too large"),
        (("inside: 0.07", "surfaces: []"), "surfaces: no values given"),
        (("rule: inside, margin: 0.02", "rule: inside"), "the rule inside needs a margin"),
        (("inside: 0.07", "inside: 0.07\n    surfaces: [1.0]"), None),
    ],
)
def test_mistakes_say_what_would_be_right(folder, change, says):
    text = DOMAIN.replace(*change)
    if says is None:
        assert parse_domain(text, str(folder / "bins.yaml")).class_spec("bin").surfaces == (1.0,)
        return
    with pytest.raises(Sim2SGError, match=says):
        parse_domain(text, str(folder / "bins.yaml"))


def test_meshes_that_hold_nothing_are_told(folder, domain):
    assert not validate_assets(domain)
    text = DOMAIN.replace("assets: [cube]", "assets: [cube], inside: 0.1")
    with pytest.raises(Sim2SGError, match=r"classes\[2\].inside: cube has no hollow .* it holds nothing"):
        parse_domain(text, str(folder / "bins.yaml"), validate_assets)


INSIDE = PredicateRule("inside", "inside", 1e-3)
CAMERA = Camera.from_extrinsics(640, 480, np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]), 1.7, 0.8)


def graph_of(placements, camera, rng, noise):
    objects = []
    for placement in placements:
        pose = placement.to_pose(camera)
        scale = float(np.exp(np.clip(rng.normal(0, noise), -0.1, 0.1)))
        objects.append(
            SceneObject(placement.label, 0.9, np.zeros(4), dataclasses.replace(pose, position=pose.position * scale))
        )
    return SceneGraph(camera.width, camera.height, tuple(objects), camera=camera)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_rebuilt_scenes_hold_what_was_inside(domain, noise):
    def inside(placements):
        truth = rule_matrix(
            placements, INSIDE, [domain.class_surfaces[p.label] for p in placements],
            [domain.class_insides.get(p.label) for p in placements],
        )  # fmt: skip
        return int(truth.any(axis=1).sum())

    before = after = kept = 0
    for seed in range(12):
        layout = scene(domain, seed)
        graph = graph_of(layout.placements, layout.camera, np.random.default_rng(seed), noise)
        again = lift_graph(
            graph, layout.camera, lambda _, size: size, supports=domain.class_supports,
            surfaces=domain.class_surfaces, insides=domain.class_insides,
        ).placements  # fmt: skip
        before, after = before + inside(layout.placements), after + inside(again)
        kept += len(again)
    if not noise:
        assert after == before > 20
    else:
        assert 0.75 * before <= after <= before + 2  # the others found no room between the walls


def test_what_stands_beside_a_bin_stays_there(domain):
    container = Placement("bin", np.array([1.5, 0.0, 0.0]), 0.2, np.array([0.5, 0.4, 0.28]))
    brick = Placement("brick", np.array([1.5, 0.33, 0.0]), 0.0, np.array([0.1, 0.08, 0.06]))
    graph = graph_of([container, brick], CAMERA, np.random.default_rng(0), 0.0)
    options = {"supports": domain.class_supports, "surfaces": domain.class_surfaces, "insides": domain.class_insides}
    again = lift_graph(graph, CAMERA, lambda _, size: size, **options).placements
    assert again[1].position == pytest.approx(brick.position, abs=1e-6)


def test_carriers_of_rebuilt_scenes_are_the_containers(domain):
    container = Placement("bin", np.array([1.5, 0.0, 0.0]), 0.2, np.array([0.5, 0.4, 0.28]))
    ball = Placement("ball", np.array([1.5, 0.05, 0.07 * 0.28]), 0.0, np.array([0.1, 0.1, 0.1]))
    brick = Placement("brick", np.array([1.5, 0.6, 0.0]), 0.0, np.array([0.1, 0.08, 0.06]))
    rebuilder = SceneRebuilder(domain, ResolvedMethod(labels=True))
    assert rebuilder._carriers([container, ball, brick]) == [-1, 0, -1]
