import numpy as np
import pytest

from sim2sg_core.domains import MeshSpec
from sim2sg_core.domains.loading import parse_domain
from sim2sg_core.domains.mesh_library import FOLDERS, library_model, library_models
from sim2sg_core.domains.sh3f_archives import read_model
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.synthesis.assets import asset_cache, library_assets
from sim2sg_core.synthesis.assets.library_assets import (
    coarse_library_asset,
    library_asset,
    library_asset_name,
    part_palettes,
)
from sim2sg_core.synthesis.assets.registry import class_assets, coarse_asset, load_asset
from sim2sg_core.synthesis.synthesizer import Synthesizer
from sim2sg_core.synthesis.validate_assets import validate_assets
from tests.small_library import CART_MTL, cart, needs_library, write_library

DOMAIN = """\
name: own
box: visible
input: {width: 64, height: 64}
camera: {width: 96, height: 64, hfov_deg: 50, height_m: 2.5, pitch_deg: 25}
layout: {type: scatter, count: 2, distance: [5, 8], lateral: [-2, 2]}
classes:
  - {name: cart, meshes: [{library: sweethome3d, id: "Small#cart"}], assets: [cube]}
  - {name: shelf, meshes: [{library: sweethome3d, id: "Small#shelf"}], colors: [[200, 30, 30]]}
"""
CART = MeshSpec(library="sweethome3d", id="Small#cart")


@pytest.fixture(autouse=True)
def archive(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDERS, str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kept = (library_asset, coarse_library_asset, load_asset, coarse_asset)
    for function in kept:
        function.cache_clear()
    yield write_library(tmp_path)
    for function in kept:
        function.cache_clear()


def colors(asset):
    """{palette or display colour to a tenth} of all slots."""
    return {s.palette if s.palette != "fixed" else tuple(np.sqrt(s.color).round(1)) for s in asset.slots}


def test_vehicles_are_painted_their_glass_is_dark_and_brands_are_gone():
    name = library_asset_name(CART)
    assert name == "library:sweethome3d/Small%23cart"
    asset = load_asset(name)
    assert asset.name == name
    assert asset.size == pytest.approx((4.0, 1.5, 1.2), rel=0.02)
    assert colors(asset) == {"paint", "glass", (1, 1, 1), (0, 0, 1)}  # white: its picture gives the nose its colours
    assert all(s.opacity == 1 for s in asset.slots)
    # The nose, red over blue, is in front; the flag is seen from both sides.
    (nose,) = [k for k, picture in enumerate(asset.pictures) if picture is not None]
    pixels = asset.pictures[nose].pixels
    assert (pixels[0, 0, 2] > 200, pixels[-1, 0, 0] > 200) == (True, True)
    rows = asset.mesh.slots == nose
    centre = asset.mesh.vertices[asset.mesh.faces].mean(axis=1)
    assert rows.any() and (centre[rows, 0] > 0.2).all()
    corners = asset.mesh.faces[rows].reshape(-1)
    np.testing.assert_allclose(np.diff(np.sort(asset.mesh.uvs[corners][:, 1])).sum(), 1, atol=1e-6)
    assert asset.mesh.sheets


def test_without_a_name_the_largest_vivid_part_is_painted(tmp_path):
    write_library(
        tmp_path, materials=CART_MTL.replace("carPaint", "m1"), cart=cart().replace("usemtl carPaint", "usemtl m1")
    )
    model = library_model("sweethome3d", "Small#cart")
    found = dict(zip((p.visual.material.name for p in read_model(model)), part_palettes(model, read_model(model))))
    assert found == {"m1": "paint", "nose": "", "windows": "glass", "brand_logo": "drop", "flag": ""}


def test_other_things_keep_colors_and_glass():
    asset = load_asset(library_asset_name(MeshSpec(library="sweethome3d", id="Small#shelf")))
    assert {s.palette for s in asset.slots} == {"fixed"}
    clear = {round(s.opacity, 3) for s in asset.slots if s.opacity < 1}
    assert clear == {0.25, round(1 - 0.75**0.5, 3)}  # A pane is drawn twice, half as strong.


def test_turns_and_paint_are_in_the_name():
    spec = MeshSpec(library="sweethome3d", id="Small#cart", turn_deg=-90)
    name = library_asset_name(spec, painted=True)
    assert name == "library:sweethome3d/Small%23cart?turn_deg=-90&painted=yes"
    asset = load_asset(name)
    assert asset.size == pytest.approx((1.5, 4.0, 1.2), rel=0.02)
    assert {s.palette for s in asset.slots} == {"paint"}


def test_built_assets_are_read_from_the_cache_and_made_anew_when_the_archive_changes(tmp_path, monkeypatch):
    name = library_asset_name(CART)
    built = load_asset(name)
    coarse_asset(name)
    assert len(list(asset_cache.cache_folder().glob("*.npz"))) == 2
    library_asset.cache_clear()
    monkeypatch.setattr(library_assets, "build_asset", lambda *_, **__: pytest.fail("built again"))
    read = library_asset(name)
    assert (read.name, read.size, read.slots) == (built.name, built.size, built.slots)
    for key in asset_cache.ARRAYS:
        np.testing.assert_array_equal(getattr(read.mesh, key), getattr(built.mesh, key))
    shown = [[None if p is None else p.pixels for p in asset.pictures] for asset in (read, built)]
    assert sum(p is not None for p in shown[0]) == 1
    np.testing.assert_equal(*shown)
    assert read.mesh.sheets == built.mesh.sheets
    monkeypatch.undo()
    monkeypatch.setenv(FOLDERS, str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_library(tmp_path, materials=CART_MTL.replace("Kd 0 0 1", "Kd 0 1 0"))
    library_asset.cache_clear()
    assert (0, 1, 0) in colors(library_asset(name))


def test_a_cache_that_cannot_be_used_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert load_asset(library_asset_name(CART)).slots
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    library_asset.cache_clear()
    built = library_asset(library_asset_name(CART))
    (stored,) = asset_cache.cache_folder().glob("*.npz")
    stored.write_bytes(stored.read_bytes()[:-200])
    library_asset.cache_clear()
    assert library_asset(library_asset_name(CART)).slots == built.slots


def test_a_brand_and_nothing_else_is_told(tmp_path):
    write_library(tmp_path, cart="mtllib cart.mtl\nusemtl brand_logo\nv 0 0 0\nv 1 0 0\nv 0 1 1\nf 1 2 3\n")
    with pytest.raises(Sim2SGError, match="branded parts only"):
        load_asset(library_asset_name(CART))


def test_a_domain_of_library_meshes_beside_built_in_ones_is_drawn(tmp_path):
    domain = parse_domain(DOMAIN, str(tmp_path / "own.yaml"))
    assert class_assets(domain, "cart") == ("cube", "library:sweethome3d/Small%23cart")
    assert class_assets(domain, "shelf") == ("library:sweethome3d/Small%23shelf?painted=yes",)
    synthesizer = Synthesizer(domain, shadow_size=64, samples=0)
    frames = [synthesizer.frame(synthesizer.sample(seed), seed) for seed in range(2)]
    again = synthesizer.frame(synthesizer.sample(1), 1)
    synthesizer.close()
    np.testing.assert_array_equal(frames[1].image, again.image)
    assert all(len(frame.graph.objects) == 2 for frame in frames)


def test_what_cannot_be_drawn_is_told_at_its_line(tmp_path):
    write_library(tmp_path, cart="v 0 0 0\n")
    with pytest.raises(Sim2SGError, match=r"own\.yaml:7: classes\[0\]\.meshes: .*Small#cart: has no faces"):
        parse_domain(DOMAIN, str(tmp_path / "own.yaml"), validate_assets)
    text = DOMAIN.replace("assets: [cube]", "assets: [cube, cone_]")
    with pytest.raises(Sim2SGError, match=r"own\.yaml:7: classes\[0\]\.assets\[1\]: no asset 'cone_'"):
        parse_domain(text, str(tmp_path / "own.yaml"), validate_assets)


def test_coarse_twins_have_the_same_slots():
    asset = load_asset(library_asset_name(CART))
    coarse = coarse_asset(asset.name)
    assert coarse.slots == asset.slots and coarse.name == f"{asset.name}?coarse=yes"
    assert coarse_asset(asset.name) is coarse
    assert (
        np.bincount(coarse.mesh.slots).tolist() == np.bincount(asset.mesh.slots).tolist()
    )  # It has few faces as it is.


@needs_library
@pytest.mark.parametrize(
    ("model_id", "palettes"),
    [("Scopia#seat_leon", {"paint", "glass"}), ("Scopia#van", {"paint", "glass"}), ("Reallusion#male03", set())],
)
def test_real_models_are_drawn_in_few_faces(monkeypatch, model_id, palettes):
    monkeypatch.delenv(FOLDERS)
    asset = load_asset(library_asset_name(MeshSpec(library="sweethome3d", id=model_id)))
    assert asset.size == pytest.approx(library_models("sweethome3d")[model_id].size, rel=0.05)
    assert 1000 < len(asset.mesh.faces) <= 12000
    assert {s.palette for s in asset.slots} - {"fixed"} == palettes
    assert len(coarse_asset(asset.name).mesh.faces) <= 4000
    for mesh in (asset.mesh, coarse_asset(asset.name).mesh):
        assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.normals).all()
