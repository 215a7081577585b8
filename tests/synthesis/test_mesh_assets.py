import json
import pickle

import numpy as np
import pytest
import trimesh
from PIL import Image

from sim2sg_core.adaptation.content.scene_rebuilding import class_hull
from sim2sg_core.domains import MeshSpec
from sim2sg_core.domains.loading import parse_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene import Layout
from sim2sg_core.synthesis.assets.file_assets import file_asset, file_asset_name
from sim2sg_core.synthesis.assets.file_colors import cluster_materials, display
from sim2sg_core.synthesis.assets.mesh_assets import COARSE_FACES, MOST_FACES, coarsened
from sim2sg_core.synthesis.assets.mesh_sides import unmatched_edges
from sim2sg_core.synthesis.assets.registry import class_assets, coarse_asset, load_asset
from sim2sg_core.synthesis.assets.shapes import weld
from sim2sg_core.synthesis.synthesizer import Synthesizer

DOMAIN = """\
name: own
box: visible
input: {width: 64, height: 64}
max_objects: 8
camera: {width: 96, height: 64, hfov_deg: 50, height_m: 1.2, pitch_deg: 35}
layout: {type: scatter, count: 3, distance: [1.3, 2.0], lateral: [-0.5, 0.5], min_gap: 0.05}
predicates: [{name: left_of, rule: left_of}]
classes:
  - {name: crate, meshes: [{file: crate.obj, unit: mm, up: y}]}
  - {name: ball, meshes: [ball.ply], yaw_symmetry: 0}
  - {name: can, meshes: [can.glb], colors: [[200, 30, 30]]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An OBJ in mm with y up, a coloured PLY, a GLB with a material."""
    path = tmp_path_factory.mktemp("mesh files")  # With a space: names must bear it.
    trimesh.creation.box((300, 200, 400)).export(path / "crate.obj")
    ball = trimesh.creation.icosphere(2, 0.15)
    ball.visual.face_colors = np.where(ball.triangles_center[:, 2:] > 0, [[255, 0, 0, 255]], [[0, 0, 255, 255]])
    ball.export(path / "ball.ply")
    can = trimesh.creation.cylinder(0.1, 0.3)
    can.visual = trimesh.visual.TextureVisuals(
        material=trimesh.visual.material.PBRMaterial(
            baseColorFactor=[51, 102, 255, 255], metallicFactor=0.75, roughnessFactor=0.25
        )
    )
    can.export(path / "can.glb")
    return path


@pytest.fixture(scope="module")
def domain(folder):
    return parse_domain(DOMAIN, str(folder / "own.yaml"))


def spec(path, **options):
    return MeshSpec(file=str(path), **options)


def drawn_colors(asset):
    return {tuple(np.round(s.color, 2)) for s in asset.slots}


def test_geometry_is_unit_normalised_and_colorless_files_are_painted(folder):
    asset = file_asset(file_asset_name(spec(folder / "crate.obj", unit="mm", up="y")))
    assert asset.size == pytest.approx((0.4, 0.3, 0.2), rel=1e-4)
    assert asset.mesh.vertices.min(0) == pytest.approx([-0.5, -0.5, 0])
    assert asset.mesh.vertices.max(0) == pytest.approx([0.5, 0.5, 1])
    assert [s.palette for s in asset.slots] == ["paint"]
    assert len(asset.mesh.faces) == 12


def test_face_colors_become_slots(folder):
    asset = file_asset(file_asset_name(spec(folder / "ball.ply")))
    assert {s.palette for s in asset.slots} == {"fixed"}
    assert drawn_colors(asset) == {(1, 0, 0), (0, 0, 1)}
    centre = asset.mesh.vertices[asset.mesh.faces].mean(axis=1)
    red = np.array([s.color[0] > 0.5 for s in asset.slots])[asset.mesh.slots]
    assert (red == (centre[:, 2] > 0.5)).all()


def test_materials_say_color_and_finish(folder):
    (slot,) = file_asset(file_asset_name(spec(folder / "can.glb"))).slots
    # The file's factor is linear, the renderer's colours are squares of what is shown.
    assert slot.color == pytest.approx(display(np.array([0.2, 0.4, 1.0])) ** 2, abs=2e-3)
    assert (slot.roughness, slot.metallic) == pytest.approx((0.25, 0.75))
    (painted,) = file_asset(file_asset_name(spec(folder / "can.glb"), painted=True)).slots
    assert painted.palette == "paint"


@pytest.mark.parametrize("metres", [1e-5, 1000.0])
def test_the_scale_of_a_file_does_not_matter(tmp_path, metres):
    trimesh.creation.icosphere(2, metres / 2).export(tmp_path / "ball.ply")
    asset = file_asset(file_asset_name(spec(tmp_path / "ball.ply")))
    assert len(asset.mesh.faces) == 320
    assert asset.size == pytest.approx((metres, metres, metres), rel=0.01)


def test_vertex_colors_and_obj_materials(tmp_path):
    box = trimesh.creation.box((1, 1, 1))
    box.visual.vertex_colors = np.tile([0, 128, 0, 255], (8, 1))
    box.export(tmp_path / "vertices.ply")
    assert drawn_colors(file_asset(file_asset_name(spec(tmp_path / "vertices.ply")))) == {(0, 0.25, 0)}
    (tmp_path / "two.mtl").write_text("newmtl a\nKd 1 0 0\nNs 30\nnewmtl b\nKd 0 0.5 0\nNs 2\n")
    vertices = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"
    faces = "usemtl a\nf 1 3 2\nf 1 2 4\nusemtl b\nf 1 4 3\nf 2 3 4\n"
    (tmp_path / "two.obj").write_text("mtllib two.mtl\n" + vertices + faces)
    asset = file_asset(file_asset_name(spec(tmp_path / "two.obj")))
    assert drawn_colors(asset) == {(1, 0, 0), (0, 0.25, 0)}
    assert asset.slots[int(asset.slots[0].color[0] < 0.5)].roughness == pytest.approx(0.5)
    # Closed only across the two materials: nothing is doubled.
    assert len(asset.mesh.faces) == 4


@pytest.mark.parametrize(("factor", "expected"), [(255, (1, 0, 0)), (51, (0.2, 0, 0))])
def test_vertex_colors_multiply_a_gltf_material(tmp_path, factor, expected):
    box = trimesh.creation.box((1, 1, 1))
    material = trimesh.visual.material.PBRMaterial(baseColorFactor=[factor, factor, factor, 255], metallicFactor=0.0)
    box.visual = trimesh.visual.TextureVisuals(uv=np.zeros((8, 2)), material=material)
    box.visual.vertex_attributes["color"] = np.tile(np.array([255, 0, 0, 255], np.uint8), (8, 1))
    box.export(tmp_path / "red.glb")
    (slot,) = file_asset(file_asset_name(spec(tmp_path / "red.glb"))).slots
    assert slot.color == pytest.approx(display(np.array(expected)) ** 2, abs=2e-3)


@pytest.mark.parametrize("loose", ["nan nan nan", "1e7 0 0"])
def test_vertices_of_no_face_do_not_count(tmp_path, loose):
    box = trimesh.creation.box((0.4, 0.3, 0.2))
    colors = np.where(box.vertices[:, 2:] > 0, [[255, 0, 0]], [[0, 0, 255]])
    rows = [f"{x} {y} {z} {r} {g} {b}" for (x, y, z), (r, g, b) in zip(box.vertices, colors)]
    faces = [f"3 {a + 1} {b + 1} {c + 1}" for a, b, c in box.faces]  # The first vertex is the loose one.
    places = [f"property float {axis}" for axis in "xyz"] + [f"property uchar {c}" for c in ("red", "green", "blue")]
    head = ["ply", "format ascii 1.0", "element vertex 9", *places]
    head += ["element face 12", "property list uchar int vertex_indices", "end_header"]
    (tmp_path / "loose.ply").write_text("\n".join([*head, f"{loose} 9 9 9", *rows, *faces, ""]))
    asset = file_asset(file_asset_name(spec(tmp_path / "loose.ply")))
    assert asset.size == pytest.approx((0.4, 0.3, 0.2))
    assert asset.mesh.vertices.min(0) == pytest.approx([-0.5, -0.5, 0])
    assert asset.mesh.vertices.max(0) == pytest.approx([0.5, 0.5, 1])
    assert {(1, 0, 0), (0, 0, 1)} < drawn_colors(asset)


def test_textures_are_read_where_the_faces_are(tmp_path):
    box = trimesh.creation.box((1, 1, 1))
    box.unmerge_vertices()
    upper = box.triangles_center[:, 2] > 0.4
    uv = np.repeat(np.where(upper[:, None], [[0.5, 0.9]], [[0.5, 0.1]]), 3, axis=0)
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4], pixels[4:] = (255, 0, 0), (0, 0, 255)  # v runs upwards: 0.9 is in the first rows.
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=Image.fromarray(pixels), metallicFactor=0.0, roughnessFactor=1.0
    )
    box.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    box.export(tmp_path / "textured.glb")
    asset = file_asset(file_asset_name(spec(tmp_path / "textured.glb", up="z")))
    assert drawn_colors(asset) == {(1, 0, 0), (0, 0, 1)}
    centre = asset.mesh.vertices[asset.mesh.faces].mean(axis=1)
    red = np.array([s.color[0] > 0.5 for s in asset.slots])[asset.mesh.slots]
    assert (red == (centre[:, 2] > 0.9)).all()


def test_texture_coordinates_without_a_material_are_no_color(tmp_path):
    (tmp_path / "bare.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nvt 0 0\nf 1/1 3/1 2/1\nf 1/1 2/1 4/1\nf 1/1 4/1 3/1\nf 2/1 3/1 4/1\n"
    )
    assert [s.palette for s in file_asset(file_asset_name(spec(tmp_path / "bare.obj"))).slots] == ["paint"]


def striped(tmp_path, mode="RGB", tint=None):
    """A slab of 12 faces, its picture four stripes along x; with alpha every other is a hole.

    With a tint it is of a glTF file, whose picture colours of vertices multiply.
    """
    slab = trimesh.creation.box((1, 1, 0.1))
    slab.unmerge_vertices()
    pixels = np.full((4, 64, 4), 255, np.uint8)
    for k in range(4):
        pixels[:, 16 * k : 16 * k + 16] = (255, 0, 0, 255) if k % 2 else (255, 255, 255, 0)
    image = Image.fromarray(pixels).convert(mode)
    uv = slab.vertices[:, :2] + 0.5
    if tint is not None:
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=image, metallicFactor=0.0)
        slab.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
        slab.visual.vertex_attributes["color"] = np.tile(np.array([*tint, 255], np.uint8), (len(slab.vertices), 1))
        slab.export(tmp_path / "slab.glb")
        return file_asset(file_asset_name(spec(tmp_path / "slab.glb", up="z")))
    material = trimesh.visual.material.SimpleMaterial(image=image)
    slab.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    slab.export(tmp_path / "slab.obj")
    return file_asset(file_asset_name(spec(tmp_path / "slab.obj")))


def shown(asset):
    """(V, 3) display colours at the vertices."""
    slot = np.zeros(len(asset.mesh.vertices), int)
    slot[asset.mesh.faces.reshape(-1)] = np.repeat(asset.mesh.slots, 3)
    tints = asset.mesh.tints if asset.mesh.tints is not None else 255
    return np.sqrt([asset.slots[k].color for k in slot]) * tints / 255


def test_faces_whose_texture_is_multiplied_are_split_until_their_corners_show_it(tmp_path):
    asset = striped(tmp_path, tint=(255, 200, 255))
    assert not asset.pictures and asset.mesh.uvs is None
    assert 200 < len(asset.mesh.faces) <= MOST_FACES
    # Neighbours are split alike: it stays closed.
    vertices, faces, _ = weld(asset.mesh.vertices, asset.mesh.faces)
    assert not unmatched_edges(faces, len(vertices)).any()
    above = asset.mesh.normals[:, 2] > 0.9
    along = asset.mesh.vertices[above, 0] + 0.5
    inside = np.abs((along * 4) % 1 - 0.5) < 0.35
    red = shown(asset)[above][:, 1] < 0.5
    assert inside.sum() > 20
    assert (red == (np.floor(along * 4) % 2 > 0))[inside].all()


def test_holes_of_a_texture_are_left_out(tmp_path):
    asset = striped(tmp_path, "RGBA")
    assert asset.size[0] == pytest.approx(0.75, abs=0.05)  # The first stripe is a hole.
    along = 1 - asset.size[0] * (0.5 - asset.mesh.vertices[asset.mesh.faces].mean(axis=1)[:, 0])
    assert len(along) > 100
    inside = np.abs((along * 4) % 1 - 0.5) < 0.3
    assert (np.floor(along * 4) % 2 > 0)[inside].all()


def test_glass_stays_clear_and_a_pane_hides_as_much_as_it_should(tmp_path):
    (tmp_path / "pane.mtl").write_text("newmtl pane\nKd 0.5 0.5 0.5\nd 0.64\n")
    (tmp_path / "pane.obj").write_text(
        "mtllib pane.mtl\nusemtl pane\nv 0 0 0\nv 0 1 0\nv 0 1 1\nv 0.01 0 1\nf 1 2 3\nf 1 3 4\n"
    )
    asset = file_asset(file_asset_name(spec(tmp_path / "pane.obj")))
    assert len(asset.mesh.faces) == 4 and asset.mesh.sheets
    opacity = [asset.slots[k].opacity for k in asset.mesh.slots]
    assert opacity == pytest.approx([0.4] * 4)  # Two layers of 0.4 let through 0.6 · 0.6 = 1 - 0.64.


def test_sheets_that_are_there_twice_are_drawn_once_on_each_side(tmp_path):
    opened = trimesh.creation.box((1, 1, 1))
    opened.update_faces(np.arange(12) >= 2)
    back = opened.copy()
    back.invert()
    trimesh.util.concatenate([opened, back]).export(tmp_path / "twice.ply")
    assert len(file_asset(file_asset_name(spec(tmp_path / "twice.ply"))).mesh.faces) == 20
    # Where the two sides differ, each shows its own.
    opened.visual.face_colors = [255, 0, 0, 255]
    back.visual.face_colors = [0, 0, 255, 255]
    trimesh.util.concatenate([opened, back]).export(tmp_path / "two.ply")
    asset = file_asset(file_asset_name(spec(tmp_path / "two.ply")))
    points = asset.mesh.vertices[asset.mesh.faces]
    normal = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    outward = np.einsum("ij,ij->i", points.mean(axis=1) - [0, 0, 0.5], normal) > 0
    red = np.array([s.color[0] > 0.5 for s in asset.slots])[asset.mesh.slots]
    assert len(red) == 20 and (red == outward).all()


def test_open_pieces_are_drawn_from_both_sides_and_closed_ones_face_outwards(tmp_path):
    inside_out = trimesh.creation.box((1, 1, 1))
    inside_out.invert()
    opened = trimesh.creation.box((1, 1, 1))
    opened.update_faces(np.arange(12) >= 2)
    opened.apply_translation([3, 0, 0])
    trimesh.util.concatenate([inside_out, opened]).export(tmp_path / "both.ply")
    asset = file_asset(file_asset_name(spec(tmp_path / "both.ply")))
    assert len(asset.mesh.faces) == 12 + 2 * 10
    points = asset.mesh.vertices[asset.mesh.faces]
    normal = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    closed = points[..., 0].mean(axis=1) < 0
    away = points.mean(axis=1)[closed] - points[closed].reshape(-1, 3).mean(axis=0)
    assert closed.sum() == 12
    assert (np.einsum("ij,ij->i", away, normal[closed]) > 0).all()
    assert normal[~closed].sum(axis=0) == pytest.approx([0, 0, 0], abs=1e-6)


def test_large_meshes_are_thinned_and_keep_shape_and_colors(tmp_path):
    ball = trimesh.creation.icosphere(5)
    above = ball.triangles_center[:, 2] > 0.3
    ball.visual.face_colors = np.where(above[:, None], [[255, 0, 0, 255]], [[0, 0, 255, 255]])
    ball.export(tmp_path / "fine.ply")
    assert len(ball.faces) > 3 * MOST_FACES
    asset = file_asset(file_asset_name(spec(tmp_path / "fine.ply")))
    assert 0.8 * MOST_FACES < len(asset.mesh.faces) <= MOST_FACES
    assert asset.size == pytest.approx((2, 2, 2), rel=0.01)
    vertices, faces, _ = weld(asset.mesh.vertices, asset.mesh.faces)
    assert not unmatched_edges(faces, len(vertices)).any()
    assert np.linalg.norm((vertices - [0, 0, 0.5]) * 2, axis=1) == pytest.approx(1, abs=0.02)
    height = (asset.mesh.vertices[asset.mesh.faces].mean(axis=1)[:, 2] - 0.5) * 2
    red = np.array([s.color[0] > 0.5 for s in asset.slots])[asset.mesh.slots]
    assert (red == (height > 0.3))[np.abs(height - 0.3) > 0.1].all()


def test_coarse_twins_keep_shape_slots_and_colors(tmp_path):
    ball = trimesh.creation.icosphere(4)
    above = ball.triangles_center[:, 2] > 0
    ball.visual.face_colors = np.where(above[:, None], [[255, 0, 0, 255]], [[0, 0, 255, 255]])
    ball.export(tmp_path / "ball.ply")
    asset = file_asset(file_asset_name(spec(tmp_path / "ball.ply")))
    coarse = coarsened(asset, "coarse")
    assert coarse.slots == asset.slots and not coarse.mesh.sheets
    assert 0.8 * COARSE_FACES < len(coarse.mesh.faces) <= COARSE_FACES
    assert coarse.size == pytest.approx(asset.size, rel=0.02)
    height = coarse.mesh.vertices[coarse.mesh.faces].mean(axis=1)[:, 2] - 0.5
    red = np.array([s.color[0] > 0.5 for s in coarse.slots])[coarse.mesh.slots]
    assert (red == (height > 0))[np.abs(height) > 0.1].all()


def test_many_colors_become_a_few_the_same_every_time():
    rng = np.random.default_rng(3)
    centres = rng.random((5, 5))
    group = rng.integers(5, size=2000)
    materials = np.clip(centres[group] + rng.normal(0, 0.005, (2000, 5)), 0, 1)
    materials[:10] = np.nan
    found, index = cluster_materials(materials, np.ones(2000), 6)
    assert len(found) == 6
    assert np.isnan(found[5]).all() and (index[:10] == 5).all()
    assert np.abs(found[index[10:]] - centres[group[10:]]).max() < 0.02
    again = cluster_materials(materials, np.ones(2000), 6)
    assert np.array_equal(index, again[1])


def test_names_hold_everything(folder):
    made = spec(folder / "crate.obj", unit="mm", up="y", turn_deg=-37.5)
    name = file_asset_name(made)
    assert name == f"file:{str(folder).replace(' ', '%20')}/crate.obj?unit=mm&up=y&turn_deg=-37.5"
    assert file_asset(name) is file_asset(file_asset_name(made))
    assert load_asset(name).name == name
    assert coarse_asset(name) is None


def test_a_file_that_went_missing_is_named(tmp_path):
    with pytest.raises(Sim2SGError, match=r"no mesh .*gone\.obj; put it back"):
        load_asset(f"file:{tmp_path}/gone.obj")


def test_a_domain_of_files_is_drawn(domain):
    domain = pickle.loads(pickle.dumps(domain))  # As workers get it.
    assert class_assets(domain, "can")[0].endswith("can.glb?painted=yes")
    assert class_hull(domain, "crate").shape[1] == 3
    synthesizer = Synthesizer(domain, shadow_size=64, samples=0)
    frame = synthesizer.frame(synthesizer.sample(1), 1)
    layout = Layout.from_json(json.loads(json.dumps(frame.layout.to_json())))
    again = synthesizer.frame(layout, 1)
    synthesizer.close()
    assert len(frame.graph.objects) == 3
    boxes = frame.graph.boxes()
    assert (boxes[:, 2:] - boxes[:, :2] > 4).all()
    assert all(p.asset.startswith("file:") for p in frame.layout.placements)
    assert [p.asset for p in again.layout.placements] == [p.asset for p in frame.layout.placements]


@pytest.mark.parametrize(
    "layout",
    [
        "{type: scatter, count: 4, distance: [1.3, 2.5], lateral: [-0.8, 0.8], min_gap: 0.02}",
        "{type: room, width: 6, depth: 6, distance: [1.3, 2.5], lateral: [-0.8, 0.8], clutter: 0}",
    ],
)
def test_meshes_of_a_folder_are_drawn_at_their_own_sizes(tmp_path, layout):
    own = {"tall.obj": (0.1, 0.1, 0.4), "flat.obj": (0.4, 0.3, 0.05)}
    (tmp_path / "things").mkdir()
    for name, size in own.items():
        trimesh.creation.box(size).export(tmp_path / "things" / name)
    head = DOMAIN.split("layout:")[0]
    text = f"{head}layout: {layout}\nclasses: [{{name: thing, meshes: [things], count: 4}}]\n"
    synthesizer = Synthesizer(parse_domain(text, str(tmp_path / "own.yaml")), shadow_size=64, samples=0)
    drawn = set()
    for seed in range(3):
        for placement in synthesizer.frame(synthesizer.sample(seed), seed).layout.placements:
            name = placement.asset.rsplit("/", 1)[-1]
            assert placement.size == pytest.approx(own[name], rel=0.1001)
            drawn.add(name)
    synthesizer.close()
    assert drawn == set(own)


def test_an_unknown_asset_is_told_with_its_class_and_what_was_meant():
    text = """
name: yard
box: visible
input: {width: 96, height: 64}
classes: [{name: crate, sizes: [[1, 1, 1]], assets: [cubes]}]
camera: {width: 96, height: 64, hfov_deg: 49, height_m: 2, pitch_deg: 20}
layout: {type: scatter, count: [5, 6], distance: [3, 9], lateral: [-4, 4]}
"""
    with pytest.raises(
        Sim2SGError, match=r"domain yard: class crate: no asset 'cubes'; did you mean cube\? known: "
    ) as e:
        class_assets(parse_domain(text, "yard.yaml"), "crate")
    assert "chair_…" in str(e.value) and "lod_" not in str(e.value)
    assert len(str(e.value)) < 500
