"""Tableware: closed, outward, of plausible size, light, and hollow where it must be."""

from __future__ import annotations

import numpy as np
import pytest

from sim2sg_core.packs.dining.assets import cutlery, tableware
from sim2sg_core.render.meshes import Asset
from sim2sg_core.synthesis.appearance import Painter
from sim2sg_core.synthesis.assets.registry import asset_names, coarse_asset, load_asset
from sim2sg_core.synthesis.palettes import palettes

LEAST = {"plate": 5, "bowl": 5, "cup": 7, "bottle": 7, "wine_glass": 5, "fork": 3, "knife": 3, "spoon": 3}
BUDGET = {"bowl": 900, "cup": 900}
SIZES = {  # metres: shortest and longest of length, width, height
    "plate": ((0.16, 0.36), (0.16, 0.32), (0.010, 0.040)),
    "bowl": ((0.07, 0.30), (0.07, 0.30), (0.030, 0.120)),
    "cup": ((0.06, 0.14), (0.05, 0.11), (0.045, 0.150)),
    "bottle": ((0.05, 0.13), (0.04, 0.13), (0.15, 0.34)),
    "wine_glass": ((0.055, 0.12), (0.055, 0.12), (0.11, 0.26)),
    "fork": ((0.14, 0.23), (0.015, 0.03), (0.008, 0.025)),
    "knife": ((0.16, 0.27), (0.012, 0.03), (0.003, 0.015)),
    "spoon": ((0.12, 0.23), (0.028, 0.05), (0.008, 0.025)),
}
DRINKS = ("drink", "wine")
NAMES = sorted({**tableware.BUILDERS, **cutlery.BUILDERS})


def kind_of(name: str) -> str:
    return next(kind for kind in LEAST if name.removeprefix("lod_").startswith(f"{kind}_"))


def metres(asset: Asset) -> np.ndarray:
    return asset.mesh.vertices.astype(float) * asset.size


def heights_at(asset: Asset, x: float, y: float, skip: tuple[str, ...] = ()) -> np.ndarray:
    """Heights in metres, highest first, at which a vertical line at (x, y) metres meets the asset."""
    keep = [slot.name not in skip for slot in asset.slots]
    corners = metres(asset)[asset.mesh.faces[np.array(keep)[asset.mesh.slots]]]
    a, b, c = (corners[:, k] for k in range(3))
    point = np.array([x, y])

    def cross(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]

    u, v = b[:, :2] - a[:, :2], c[:, :2] - a[:, :2]
    area = cross(u, v)
    seen = np.abs(area) > 1e-14
    safe = np.where(seen, area, 1.0)
    s, t = cross(point - a[:, :2], v) / safe, cross(u, point - a[:, :2]) / safe
    hit = seen & (s >= 0) & (t >= 0) & (s + t <= 1)
    return np.sort((a[:, 2] + s * (b - a)[:, 2] + t * (c - a)[:, 2])[hit])[::-1]


def test_every_class_has_its_variants() -> None:
    for kind, least in LEAST.items():
        names = asset_names(kind)
        assert len(names) >= least, kind
        assert all(name in NAMES for name in names), kind
        assert not any(name.startswith("lod_") for name in names)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_closed_outward_light_and_in_the_unit_frame(name: str) -> None:
    asset = load_asset(name)
    mesh, kind = asset.mesh, kind_of(name)
    assert asset.name == name
    points, index = np.unique(np.round(metres(asset), 6), axis=0, return_inverse=True)
    faces = index.reshape(-1)[mesh.faces]
    assert (np.sort(faces, axis=1)[:, 1:] != np.sort(faces, axis=1)[:, :-1]).all(), "collapsed faces"
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    there, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 1).all() and np.array_equal(there, np.unique(edges[:, ::-1], axis=0)), "open or folded edges"
    a, b, c = (points[faces[:, k]] for k in range(3))
    pieces = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
    for slots in (range(len(asset.slots)), [k for k, s in enumerate(asset.slots) if s.name in DRINKS]):
        if len(slots):
            assert pieces[np.isin(mesh.slots, list(slots))].sum() > 0
    assert mesh.vertices.min(0) == pytest.approx([-0.5, -0.5, 0.0], abs=1e-5)
    assert mesh.vertices.max(0) == pytest.approx([0.5, 0.5, 1.0], abs=1e-5)
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1.0, abs=1e-3)
    assert set(mesh.slots.tolist()) == set(range(len(asset.slots))), "every slot is used"
    assert len(mesh.faces) <= BUDGET.get(kind, 1500)
    for extent, (low, high) in zip(asset.size, SIZES[kind], strict=True):
        assert low <= extent <= high


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("lod_")])
def test_its_coarse_twin_is_coarser_and_alike(name: str) -> None:
    fine, coarse = load_asset(name), coarse_asset(name)
    assert coarse is not None
    assert len(coarse.mesh.faces) < 0.7 * len(fine.mesh.faces)
    assert np.array(coarse.size) == pytest.approx(np.array(fine.size), rel=0.05, abs=0.001)
    assert coarse.slots == fine.slots


@pytest.mark.parametrize(
    "name", [n for n in NAMES if kind_of(n) in ("plate", "bowl", "cup", "wine_glass") or "carafe" in n]
)
def test_it_is_hollow(name: str) -> None:
    asset = load_asset(name)
    height = asset.size[2]
    x, y = 0.0023, 0.0011  # Beside the axis, where faces meet in a point.
    bottom = heights_at(asset, x, y, skip=DRINKS)[0]
    # Share of the height, plates apart, that lies under the inner bottom: bowl of a coupe on its stem at most.
    most = {"plate": 0.40, "bowl": 0.20, "cup": 0.15, "bottle": 0.06, "wine_glass": 0.70}[kind_of(name)]
    assert 0.0 < bottom <= most * height
    if any(slot.name in DRINKS for slot in asset.slots):
        surface = heights_at(asset, x, y)[0]
        assert bottom + 0.15 * (height - bottom) < surface < height - 0.004


def test_drinks_stay_within_their_glass() -> None:
    for name in NAMES:
        asset = load_asset(name)
        names = [slot.name for slot in asset.slots]
        if "glass" in names and set(names) & set(DRINKS):
            own = np.isin(asset.mesh.slots, [k for k, n in enumerate(names) if n in DRINKS])
            points = metres(asset)
            drink = points[np.unique(asset.mesh.faces[own])]
            turn = 0.004  # A little, off the edges of the glass's faces.
            drink[:, :2] = drink[:, :2] @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
            for x, y, z in drink[np.hypot(drink[:, 0], drink[:, 1]) > 1e-6]:
                below = heights_at(asset, x, y, skip=DRINKS)
                assert (below < z).sum() % 2 == 0, (name, x, y, z)  # Not inside the glass itself.


def test_forks_have_tines_with_gaps_between_them() -> None:
    for name in asset_names("fork"):
        asset = load_asset(name)
        length, width, _ = asset.size
        across = np.linspace(-0.52, 0.52, 120) * width
        solid = np.array([len(heights_at(asset, 0.42 * length, y)) > 0 for y in across])
        assert (np.diff(solid.astype(int)) == 1).sum() in (3, 4), name
        assert (np.diff([len(heights_at(asset, 0.22 * length, y)) > 0 for y in across]).sum()) == 2, name


def test_spoons_are_hollowed_and_handles_point_backwards() -> None:
    for name in asset_names("spoon"):
        asset = load_asset(name)
        x = 0.36 * asset.size[0]
        middle = heights_at(asset, x, 0.0003)[0]
        side = max(heights_at(asset, x, share * asset.size[1])[0] for share in (0.42, 0.45, 0.47))
        assert side > middle + 0.003, name
    for kind in ("fork", "knife", "spoon"):
        for name in asset_names(kind):
            asset = load_asset(name)
            handle = [k for k, slot in enumerate(asset.slots) if slot.name == "handle"]
            centres = metres(asset)[asset.mesh.faces].mean(1)[:, 0]
            assert all(centres[asset.mesh.slots == k].max() < 0.15 * asset.size[0] for k in handle), name


def test_mug_handles_point_forwards_and_do_not_reach_inside() -> None:
    for name in [n for n in NAMES if load_asset(n).size[0] > 1.15 * load_asset(n).size[1] and kind_of(n) == "cup"]:
        asset = load_asset(name)
        length, width, _ = asset.size
        centre = 0.5 * (width - length)  # The body's axis: the handle makes the box longer towards +x.
        radius = np.hypot(metres(asset)[:, 0] - centre, metres(asset)[:, 1])
        assert radius.max() > 0.62 * width
        column = heights_at(asset, centre + 0.25 * width, 0.0007, skip=DRINKS)
        assert len(column) == 2, name  # The floor alone, from above and from below.


def test_palettes_are_known_and_looks_can_be_drawn() -> None:
    rng = np.random.default_rng(5)
    for name in NAMES:
        asset = load_asset(name)
        assert all(slot.palette == "fixed" or slot.palette in palettes() for slot in asset.slots), name
        materials = Painter().materials(asset, rng)
        assert len(materials) == len(asset.slots)
        assert all(0 <= v <= 1 for material in materials for v in material.color), name
    assert all(material.metallic == 1.0 for material in Painter().materials(load_asset("fork_slim"), rng))


def test_every_wine_glass_has_a_dark_twin() -> None:
    rng = np.random.default_rng(6)
    clear = [name for name in asset_names("wine_glass") if not name.endswith("_dark")]
    for name in clear:
        for _ in range(5):
            bowl, stem, foot = Painter().materials(load_asset(f"{name}_dark"), rng)[:3]
            assert max(bowl.color) < 0.1 and not bowl.bends, name
            assert stem.bends and foot.bends, name
        assert np.allclose(load_asset(f"{name}_dark").size, load_asset(name).size)
