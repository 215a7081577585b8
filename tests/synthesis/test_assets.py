"""Every built-in asset: closed, outward, normalised, within its budget of faces."""

from __future__ import annotations

import numpy as np
import pytest

from sim2sg_core.packs.drive.assets import cars, cyclist, pedestrians, trucks
from sim2sg_core.packs.drive.assets import street_furniture as street
from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot, split_normals
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.assets.registry import asset_names, load_asset

BUDGET = {"car": 3900, "van": 3900, "truck": 3400, "pedestrian": 2600, "cyclist": 4200, "vegetation": 3900,
          "building": 4200, "street": 800, "bicycle": 1600, "background": 4700}  # fmt: skip
NAMES = [n for n in asset_names() if n.removeprefix("lod_").split("_")[0] in BUDGET]


def welded(asset: Asset) -> tuple[np.ndarray, np.ndarray]:
    """Vertices in metres (0.1 mm) and faces that share them."""
    points = np.round(asset.mesh.vertices.astype(float) * asset.size, 4)
    unique, index = np.unique(points, axis=0, return_inverse=True)
    return unique, index.reshape(-1)[asset.mesh.faces]


def unpaired_edges(faces: np.ndarray) -> int:
    """How many directed edges lack a partner that runs the other way: 0 for closed, consistently wound meshes."""
    n = int(faces.max()) + 1
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[edges[:, 0] != edges[:, 1]]
    there, counts = np.unique(edges[:, 0] * n + edges[:, 1], return_counts=True)
    back, counts_back = np.unique(edges[:, 1] * n + edges[:, 0], return_counts=True)
    if not np.array_equal(there, back):
        return len(np.setxor1d(there, back))
    return int((counts != counts_back).sum())


def component_volumes(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Signed volume of each connected part: positive when it is wound outwards."""
    label = np.arange(len(vertices))
    while True:  # Smallest label of each face spreads until nothing changes.
        low = label[faces].min(1)
        before = label.copy()
        for k in range(3):
            np.minimum.at(label, faces[:, k], low)
        if np.array_equal(before, label):
            break
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    volume = np.zeros(len(vertices))
    np.add.at(volume, label[faces[:, 0]], np.einsum("ij,ij->i", a, np.cross(b, c)) / 6)
    return volume[np.unique(label)]


def test_every_class_of_the_street_has_variants() -> None:
    for label, least in (("car", 20), ("van", 8), ("truck", 8), ("pedestrian", 24), ("cyclist", 10),
                         ("vegetation", 20), ("building", 15), ("street", 40)):  # fmt: skip
        assert len(asset_names(label)) >= least, label
        assert not any(n.startswith("lod_") for n in asset_names(label))


@pytest.mark.parametrize("kind", sorted(BUDGET))
def test_assets_are_closed_outward_and_normalised(kind: str) -> None:
    names = [n for n in NAMES if n.removeprefix("lod_").split("_")[0] == kind]
    assert names
    for name in names:
        asset = load_asset(name)
        mesh = asset.mesh
        vertices, faces = welded(asset)
        assert unpaired_edges(faces) == 0, name
        assert component_volumes(vertices, faces).min() > -1e-5, name
        low, high = mesh.vertices.min(0), mesh.vertices.max(0)
        assert low == pytest.approx([-0.5, -0.5, 0.0], abs=1e-5), name
        assert high == pytest.approx([0.5, 0.5, 1.0], abs=1e-5), name
        assert mesh.vertices.dtype == np.float32 and mesh.normals.shape == mesh.vertices.shape
        assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1.0, abs=1e-3), name
        assert mesh.slots.min() >= 0 and mesh.slots.max() < len(asset.slots), name
        assert mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices), name
        assert len(mesh.faces) <= BUDGET[kind], (name, len(mesh.faces))
        assert asset.name == name


def test_coarse_versions_are_much_coarser_and_of_the_same_proportions() -> None:
    for name in NAMES:
        if name.startswith("lod_"):
            fine, coarse = load_asset(name.removeprefix("lod_")), load_asset(name)
            assert len(coarse.mesh.faces) < 0.72 * len(fine.mesh.faces), name
            assert np.array(coarse.size) == pytest.approx(np.array(fine.size), rel=0.3), name
            assert [s.name for s in coarse.slots] == [s.name for s in fine.slots], name


def test_normals_agree_with_the_faces() -> None:
    for name in ("car_sedan_0", "van_panel_0", "pedestrian_00", "building_house_0"):
        mesh, size = load_asset(name).mesh, np.array(load_asset(name).size)
        corners = mesh.vertices[mesh.faces].astype(float) * size
        face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(face, axis=1)
        normal = mesh.normals[mesh.faces].mean(1) / size
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        aligned = np.einsum("ij,ij->i", face / np.maximum(area, 1e-12)[:, None], normal)
        assert np.average(aligned > 0.5, weights=area) > 0.99, name


def test_wheels_bound_cyclists_and_bicycles() -> None:
    """The box of a rider is that of both wheels, from the ground up; riders sit with their hips above the saddle."""
    for name in (*asset_names("cyclist"), *asset_names("bicycle")):
        asset = load_asset(name)
        corners = (asset.mesh.vertices[asset.mesh.faces] * np.array(asset.size)).astype(float)
        tyres = corners[asset.mesh.slots == [slot.name for slot in asset.slots].index("bike_tyre")].reshape(-1, 3)
        assert tyres[:, 2].min() == pytest.approx(0, abs=0.005), name
        assert np.ptp(tyres[:, 0]) > 0.9 * asset.size[0], name
        for end in (tyres[:, 0] < -0.4, tyres[:, 0] > 0.4):  # Both stand on the ground.
            assert tyres[end, 2].min() < 0.01 and tyres[end, 2].max() > 0.55, name


def test_cyclists_are_of_many_sizes_and_ride_with_either_leg_down() -> None:
    heights = np.array([load_asset(name).size[2] for name in asset_names("cyclist")])
    assert len(heights) >= 28 and heights.min() < 1.62 and heights.max() > 1.85
    one, other = load_asset("cyclist_00"), load_asset("cyclist_16")
    skin = [asset.mesh.vertices[asset.mesh.faces[asset.mesh.slots == 4]].reshape(-1, 3) for asset in (one, other)]
    left = [float(points[points[:, 1] > 0, 2].min() - points[points[:, 1] < 0, 2].min()) for points in skin]
    assert left[0] * left[1] < 0  # Shoes: the lower one changes sides.


def test_printed_people_are_flat() -> None:
    for name in asset_names("street_poster"):
        asset = load_asset(name)
        printed = np.isin(asset.mesh.slots, [k for k, slot in enumerate(asset.slots) if slot.name.startswith("print_")])
        assert printed.sum() > 200, name
        points = asset.mesh.vertices[asset.mesh.faces[printed]].reshape(-1, 3) * np.array(asset.size)
        assert np.ptp(points[:, 0]) < 0.03 and np.ptp(points[:, 2]) > 0.8, name


def test_building_an_asset_twice_gives_the_same_mesh() -> None:
    for builders, name in ((cars.BUILDERS, "car_hatchback_1"), (trucks.BUILDERS, "truck_flatbed_0"),
                           (cyclist.BUILDERS, "cyclist_03"), (street.BUILDERS, "street_lamp_0")):  # fmt: skip
        one, two = builders[name](), builders[name]()
        assert np.array_equal(one.mesh.vertices, two.mesh.vertices)
        assert np.array_equal(one.mesh.faces, two.mesh.faces)


def test_cars_have_the_proportions_of_cars() -> None:
    for name in asset_names("car"):
        asset = load_asset(name)
        length, width, height = asset.size
        assert 3.3 < length < 5.3 and 1.6 < width < 2.2 and 1.25 < height < 1.95, name
        slots = [asset.slots[k].name for k in np.unique(asset.mesh.slots)]
        assert {"body", "glass", "tyre", "rim", "headlight", "taillight", "plate"} <= set(slots), name
        centres = (asset.mesh.vertices[asset.mesh.faces].mean(1) * asset.size).astype(float)
        rear = centres[asset.mesh.slots == 7, 0]
        front = centres[asset.mesh.slots == 6, 0]
        assert front.mean() > 1.0 and rear.mean() < -1.0, name  # x points forwards


def test_people_stand_upright_and_wear_clothes() -> None:
    for name in asset_names("pedestrian"):
        asset = load_asset(name)
        assert 0.9 < asset.size[2] < 2.3 and max(asset.size[:2]) < 1.5, name
        height = asset.mesh.vertices[asset.mesh.faces].mean(1)[:, 2]
        used = {k: height[asset.mesh.slots == k].mean() for k in np.unique(asset.mesh.slots)}
        assert (
            used[pedestrians.PEOPLE_SLOTS.index(next(s for s in pedestrians.PEOPLE_SLOTS if s.name == "shoes"))] < 0.2
        ), name
        assert 0.45 < used[2] < 0.85, name  # the top


def test_shapes_are_closed_and_have_the_right_volume() -> None:
    cases = {
        "box": (shapes.box(2, 3, 4), 24.0),
        "prism": (shapes.prism(np.array([[0, 0], [2, 0], [2, 1], [0, 1]]), 0, 3), 6.0),
        "cylinder": (shapes.lathe([(1, 0), (1, 2)], 64), 2 * np.pi),
        "cylinder x": (shapes.lathe([(1, 0), (1, 2)], 64, "x"), 2 * np.pi),
        "tube": (shapes.tube(np.array([[0, 0, 0], [0, 2, 0]]), 1.0, 64), 2 * np.pi),
        "ring": (shapes.ring(2.0, 0.5, 64, 32), 2 * np.pi**2 * 2 * 0.25),
        "sphere": (shapes.ellipsoid((1, 2, 3), (5, 5, 5), 3), 4 / 3 * np.pi * 6),
        "mirrored": (shapes.mirrored(shapes.box(1, 1, 1)), 1.0),
        "turned": (shapes.move(shapes.box(1, 2, 3), (4, 5, 6), 0.7), 6.0),
    }
    for name, ((vertices, faces), volume) in cases.items():
        merged, _, _ = np.unique(np.round(vertices, 6), axis=0), None, None
        index = np.unique(np.round(vertices, 6), axis=0, return_inverse=True)[1].reshape(-1)
        assert unpaired_edges(index[faces]) == 0, name
        a, b, c = (vertices[faces[:, k]] for k in range(3))
        assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 == pytest.approx(volume, rel=0.02), name
        assert len(merged) >= 6


def test_split_normals_keeps_edges_hard_above_the_angle_only() -> None:
    vertices, faces = shapes.box(1, 1, 1)
    v, f, n = split_normals(vertices, faces, 30)
    assert len(v) == 24 and np.abs(n).max(1) == pytest.approx(1.0)
    v, f, n = split_normals(vertices, faces, 100)
    assert len(v) == 8 and np.abs(n).max() < 0.9
    assert vertices[faces] == pytest.approx(v[f])


def test_a_builder_scales_normals_with_the_unit_frame() -> None:
    builder = MeshBuilder()
    builder.add(*shapes.prism(np.array([[0, 0], [4, 0], [0, 1]]), 0, 1), 0)
    asset = builder.build("wedge", (Slot("a", "fixed"),))
    mesh = asset.mesh
    slope = mesh.normals[np.argmax(mesh.normals[:, 0] * mesh.normals[:, 1])] / asset.size
    slope /= np.linalg.norm(slope)
    assert slope == pytest.approx(np.array([1, 4, 0]) / np.hypot(1, 4), abs=1e-5)
