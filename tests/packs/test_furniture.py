"""Furniture and room things: closed, outward, of real sizes; tables that hold plates, chairs that go under tables."""

from __future__ import annotations

import numpy as np
import pytest

from sim2sg_core.packs.dining.assets import chairs, furniture, room_things
from sim2sg_core.packs.dining.assets.furniture_parts import bar, leg, oval, rectangle, sheet, slab, tilt
from sim2sg_core.render.meshes import Asset
from sim2sg_core.render.textures import build_textures
from sim2sg_core.synthesis.assets.registry import asset_names, coarse_asset, load_asset
from sim2sg_core.synthesis.palettes import palettes

ALL = [*chairs.BUILDERS, *furniture.BUILDERS, *room_things.BUILDERS]
FURNITURE = {**chairs.CHAIRS, **furniture.PIECES}
# Smallest and largest length, width, height of each kind, metres.
SIZES = {
    "table": ((0.7, 2.2), (0.7, 1.2), (0.70, 0.785)),
    "chair": ((0.38, 0.62), (0.40, 0.62), (0.74, 1.06)),
    "laptop_open": ((0.2, 0.45), (0.28, 0.4), (0.19, 0.28)),
    "laptop_closed": ((0.2, 0.28), (0.28, 0.4), (0.012, 0.03)),
    "book": ((0.15, 0.32), (0.1, 0.35), (0.008, 0.08)),
    "room": ((0.02, 3.0), (0.02, 2.5), (0.001, 2.4)),
}


def unpaired(vertices: np.ndarray, faces: np.ndarray) -> int:
    """How many edges are not run through once in each direction by the faces at them."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[edges[:, 0] != edges[:, 1]]
    n = len(vertices)
    balance = np.zeros((n, n), np.int32)
    np.add.at(balance, (edges[:, 0], edges[:, 1]), 1)
    return int((balance != balance.T).sum())


def weld(asset: Asset) -> tuple[np.ndarray, np.ndarray]:
    """Vertices in metres (0.05 mm) and the faces that share them."""
    points = np.round(asset.mesh.vertices.astype(float) * asset.size / 5e-5)
    unique, index = np.unique(points, axis=0, return_inverse=True)
    return unique * 5e-5, index.reshape(-1)[asset.mesh.faces]


def volumes(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Signed volume of every connected part, positive when wound outwards."""
    label = np.arange(len(vertices))
    while True:
        low, before = label[faces].min(1), label.copy()
        for k in range(3):
            np.minimum.at(label, faces[:, k], low)
        if np.array_equal(before, label):
            break
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    total = np.bincount(label[faces[:, 0]], np.einsum("ij,ij->i", a, np.cross(b, c)) / 6, len(vertices))
    return total[np.unique(label)]


def corners(asset: Asset) -> np.ndarray:
    """(F, 3, 3) corners of the faces, metres."""
    return asset.mesh.vertices[asset.mesh.faces].astype(float) * asset.size


def of_slot(asset: Asset, name: str) -> np.ndarray:
    """Corners of the faces of one slot."""
    return corners(asset)[asset.mesh.slots == [s.name for s in asset.slots].index(name)]


@pytest.mark.parametrize("name", ALL)
def test_assets_are_closed_outward_light_and_in_the_unit_frame(name: str) -> None:
    asset = load_asset(name)
    vertices, faces = weld(asset)
    mesh = asset.mesh
    assert unpaired(vertices, faces) == 0
    assert volumes(vertices, faces).min() > -1e-9
    assert mesh.vertices.min(0) == pytest.approx([-0.5, -0.5, 0.0], abs=1e-5)
    assert mesh.vertices.max(0) == pytest.approx([0.5, 0.5, 1.0], abs=1e-5)
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1.0, abs=1e-3)
    assert len(mesh.faces) <= 1500 and asset.name == name
    kind = max((k for k in SIZES if name.removeprefix("lod_").startswith(k)), key=len)
    for extent, (low, high) in zip(asset.size, SIZES[kind], strict=True):
        assert low <= extent <= high, (kind, asset.size)
    for slot in asset.slots:
        assert set(slot.textures) <= build_textures().keys()


def test_there_are_enough_of_each() -> None:
    least_of = {"table": 8, "chair": 9, "laptop_open": 4, "laptop_closed": 1, "book": 6, "room": 40}
    for label, least in least_of.items():
        assert len(asset_names(label)) >= least, label


def test_normals_agree_with_the_faces() -> None:
    for name in ALL:
        asset = load_asset(name)
        face = np.cross(*(corners(asset)[:, k] - corners(asset)[:, 0] for k in (1, 2)))
        area = np.linalg.norm(face, axis=1)
        normal = asset.mesh.normals[asset.mesh.faces].mean(1) / asset.size
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        aligned = np.einsum("ij,ij->i", face / np.maximum(area, 1e-12)[:, None], normal)
        assert np.average(aligned > 0.5, weights=area) > 0.97, name


@pytest.mark.parametrize("name", furniture.TABLES)
def test_a_table_s_highest_faces_cover_its_footprint(name: str) -> None:
    asset = load_asset(name)
    top = of_slot(asset, "top")
    cross = np.cross(top[:, 1] - top[:, 0], top[:, 2] - top[:, 0])[:, 2] / 2
    level = (top[..., 2].min(1) > asset.size[2] - 1e-3) & (cross > 0)
    share = cross[level].sum() / (asset.size[0] * asset.size[1])
    assert share > (0.72 if "round" in name or "oval" in name else 0.93)  # An ellipse fills 0.785 of its rectangle.
    assert asset.size[0] >= asset.size[1] - 1e-9  # Long along x.


@pytest.mark.parametrize("name", chairs.CHAIRS)
def test_a_chair_has_a_seat_with_room_below_and_its_back_behind(name: str) -> None:
    asset = load_asset(name)
    seat, back = of_slot(asset, "seat"), of_slot(asset, "back")
    shell = len(back) == 0  # One moulding is seat and back.
    top = seat[..., 2].max(1)
    at_seat = seat[(top > 0.40) & (top < 0.50)]
    height = np.median(at_seat.mean(1)[:, 2]) if shell else seat[..., 2].max()
    assert 0.42 <= height <= 0.485
    behind = seat[top > 0.6] if shell else back
    assert behind[..., 0].mean() < at_seat[..., 0].mean() - 0.1
    assert behind[..., 2].max() > 0.72
    # Points spread over all faces: none in the space of the feet, under the middle of the seat.
    share = np.random.default_rng(0).dirichlet(np.ones(3), 400)
    points = np.einsum("sk,fkd->fsd", share, corners(asset)).reshape(-1, 3) - [at_seat[..., 0].mean(), 0, 0]
    inside = (np.abs(points[:, :2]) < 0.10).all(1) & (points[:, 2] > 0.10) & (points[:, 2] < 0.34)
    assert not inside.any()


@pytest.mark.parametrize("name", furniture.LAPTOPS)
def test_a_laptop_opens_towards_its_user(name: str) -> None:
    asset = load_asset(name)
    if "closed" in name:
        assert len(of_slot(asset, "screen")) == 0 and len(of_slot(asset, "keys")) == 0
        return
    screen, keys = of_slot(asset, "screen"), of_slot(asset, "keys")
    assert keys.mean((0, 1))[0] < screen.mean((0, 1))[0] and keys[..., 2].max() < screen.mean((0, 1))[2]
    normal = np.cross(screen[:, 1] - screen[:, 0], screen[:, 2] - screen[:, 0])
    front = normal[np.linalg.norm(normal, axis=1).argmax()]
    fronts = normal[(normal[:, 0] < 0) & (np.linalg.norm(normal, axis=1) > 0.5 * np.linalg.norm(front))]
    turn = np.degrees(np.arctan2(fronts[:, 2], -fronts[:, 0])).mean() + 90
    assert 95 - 0.1 <= turn <= 125.1


def test_things_on_walls_are_thin_along_x_and_flat_things_are_flat() -> None:
    for name in room_things.BUILDERS:
        length, width, height = load_asset(name).size
        if name.startswith(("room_picture", "room_tv_0", "room_radiator", "room_door", "room_curtain")):
            assert length < 0.16 and length < 0.35 * min(width, height), name
        if name.startswith(("room_rug", "room_tablecloth", "room_runner", "room_placemat", "room_napkin_0")):
            assert height < 0.015, name


def test_pictures_show_towards_minus_x() -> None:
    for name in ("room_picture_0", "room_picture_1", "room_tv_0"):
        face = of_slot(load_asset(name), "picture" if "picture" in name else "dark")
        assert face[..., 0].mean() < -0.2 * load_asset(name).size[0]


def test_coarse_twins_are_coarser_of_the_same_size_and_slots() -> None:
    twins = [n for n in FURNITURE if coarse_asset(n) is not None]
    assert len(twins) >= 8
    for name in twins:
        fine, coarse = load_asset(name), coarse_asset(name)
        assert len(coarse.mesh.faces) < 0.72 * len(fine.mesh.faces)
        assert np.array(coarse.size) == pytest.approx(np.array(fine.size), rel=0.05)
        assert coarse.slots == fine.slots


def test_furniture_draws_its_colors_from_families() -> None:
    for name in FURNITURE:
        assert all(s.palette in palettes() or s.palette == "fixed" for s in load_asset(name).slots), name


def test_parts_have_the_right_volume() -> None:
    grid = np.stack([*np.meshgrid([0.0, 1.0, 2.0], [0.0, 0.5, 1.0], indexing="ij"), np.zeros((3, 3))], -1)
    cases = {
        "leg": (leg((0, 0, 0), (0.3, 0.1, 1), 0.2, 0.2, 2.0), 0.08),
        "bar": (bar((0, 0, 0), (1, 2, 2), 0.2, 0.1), 0.06),
        "sheet": (sheet(grid, 0.1), 0.2),
        "slab": (slab(rectangle(2, 1), 0, 0.5), 1.0),
        "bevelled": (slab(oval(2, 2, 64), 0, 1, 0.001), np.pi),
        "tilted": (tilt(slab(rectangle(1, 1), 0, 1), 0.4, (1, 2)), 1.0),
    }
    for name, ((vertices, faces), volume) in cases.items():
        a, b, c = (vertices[faces[:, k]] for k in range(3))
        assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 == pytest.approx(volume, rel=0.01), name


def test_a_tilt_leans_backwards_and_a_bar_ends_where_told() -> None:
    vertices, _ = tilt(leg((0, 0, 0), (0, 0, 1), 0.01), 0.3)
    assert vertices[vertices[:, 2] > 0.5, 0].max() < -0.2
    vertices, _ = bar((1, 2, 3), (4, 6, 3), 0.1, 0.1)
    assert np.isclose(np.sort(vertices @ [0.6, 0.8, 0]), [2.2] * 4 + [7.2] * 4).all()
