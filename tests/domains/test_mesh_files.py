import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.domains import Domain, MeshSpec
from sim2sg_core.domains.loading import parse_domain
from sim2sg_core.domains.mesh_files import mesh_extents, read_mesh
from sim2sg_core.errors import Sim2SGError

# Along x, y, z of the file; the wedge-like corner below tells mirrored from turned.
EXTENTS = (0.3, 0.2, 0.1)

HEAD = """\
name: own
box: visible
input: {width: 64, height: 64}
max_objects: 8
camera: {width: 96, height: 64, hfov_deg: 50, height_m: 1.2, pitch_deg: 35}
layout: {type: scatter, count: [2, 4], distance: [1.2, 2.2], lateral: [-0.6, 0.6], min_gap: 0.05}
classes:
"""


def corner():
    """Three edges of different lengths from the origin: its mirror image is another solid."""
    points = np.array([[0, 0, 0], [EXTENTS[0], 0, 0], [0, EXTENTS[1], 0], [0, 0, EXTENTS[2]]])
    return trimesh.Trimesh(points, [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], process=False)


def write(mesh, path):
    mesh.export(path)
    return str(path)


def domain(text, folder):
    return parse_domain(HEAD + text, str(folder / "own.yaml"))


def test_units_and_axes(tmp_path):
    in_mm = corner()
    in_mm.apply_scale(1000)
    file = write(in_mm, tmp_path / "corner.obj")
    x, y, z = EXTENTS
    assert mesh_extents(file, unit="mm") == pytest.approx((x, y, z), rel=1e-5)
    assert mesh_extents(file) == pytest.approx((1000 * x, 1000 * y, 1000 * z), rel=1e-5)
    assert mesh_extents(file, unit="mm", up="y") == pytest.approx((z, x, y), rel=1e-5)
    assert mesh_extents(file, unit="mm", up="x") == pytest.approx((y, z, x), rel=1e-5)
    assert mesh_extents(file, unit="mm", turn_deg=90) == pytest.approx((y, x, z), rel=1e-5)


def test_gltf_is_in_metres_with_y_up_and_its_front_along_z(tmp_path):
    file = write(corner(), tmp_path / "corner.glb")
    points = read_mesh(file).vertices
    x, y, z = EXTENTS
    # Its z (front) becomes x, its x (left) becomes y, its y becomes z.
    assert {tuple(p) for p in np.round(points, 5)} == {(0, 0, 0), (z, 0, 0), (0, x, 0), (0, 0, y)}


@given(st.sampled_from([None, "x", "y", "z"]), st.floats(-360, 360), st.sampled_from(["m", "cm", "mm", "in", "ft"]))
def test_reading_never_mirrors(tmp_path_factory, up, turn, unit):
    folder = tmp_path_factory.getbasetemp()
    file = folder / "chiral.ply"
    if not file.exists():
        corner().export(file)
    mesh = read_mesh(file, unit, up, turn)
    metres = {"m": 1, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048}[unit]
    assert mesh.volume == pytest.approx(corner().volume * metres**3, rel=1e-4)


def test_the_scene_of_a_file_is_flattened(tmp_path):
    scene = trimesh.Scene()
    for k in range(2):
        where = trimesh.transformations.translation_matrix([0, 0, 2.0 * k])
        scene.add_geometry(trimesh.creation.box((1, 1, 1)), transform=where)
    file = write(scene, tmp_path / "two.glb")
    mesh = read_mesh(file, up="z")
    assert len(mesh.faces) == 24
    assert mesh.extents == pytest.approx([1, 1, 3])


def test_a_mirrored_part_of_a_scene_keeps_its_outside_outside(tmp_path):
    scene = trimesh.Scene()
    scene.add_geometry(corner(), transform=np.diag([1.0, -1.0, 1.0, 1.0]))
    mesh = read_mesh(write(scene, tmp_path / "mirrored.glb"))
    assert mesh.volume == pytest.approx(corner().volume, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.obj", "", "a.obj"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "a.obj"),
        ("a.glb", "no glb", "cannot be read as a mesh"),
        ("a.ply", "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n", "a.ply"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nf 1 2 3\nf 2 4 3\n", "is flat, its height is 0 m"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 nan\nf 1 2 3\n", "a.obj"),
        ("a.stl", "solid", "has no faces"),
        ("a.fbx", "Kaydara", "FBX is not read; convert it: assimp export a.fbx a.glb"),
    ],
)
def test_files_that_are_no_meshes_are_refused_in_one_line(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(Sim2SGError, match=says) as error:
        read_mesh(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(Sim2SGError, match=r"no mesh .*gone\.ply"):
        read_mesh(tmp_path / "gone.ply")


def test_without_trimesh_the_extra_is_named(tmp_path, monkeypatch):
    file = write(corner(), tmp_path / "corner.ply")
    monkeypatch.setitem(__import__("sys").modules, "trimesh", None)
    with pytest.raises(Sim2SGError, match=r"pip install 'sim2sg\[train\]'"):
        mesh_extents(file)


def test_a_folder_stands_for_its_meshes_and_they_say_the_size(tmp_path):
    crates = tmp_path / "crates"
    crates.mkdir()
    for name, scale in (("b.ply", 2.0), ("a.obj", 1.0)):
        write(trimesh.creation.box(np.array([0.4, 0.3, 0.2]) * scale), crates / name)
    (crates / "notes.txt").write_text("no mesh")
    (crates / "._a.obj").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")
    spec = domain("  - {name: crate, meshes: [crates]}\n", tmp_path).class_spec("crate")
    assert [m.file for m in spec.meshes] == [str(crates / "a.obj"), str(crates / "b.ply")]
    assert spec.size is not None
    assert spec.size.length == pytest.approx((0.9 * 0.4, 1.1 * 0.8))
    assert spec.size.width == pytest.approx((0.9 * 0.3, 1.1 * 0.6))
    assert spec.size.height == pytest.approx((0.9 * 0.2, 1.1 * 0.4))


def test_sizes_that_meshes_say_are_those_of_one_of_them(tmp_path):
    own = np.array([[0.3, 0.3, 2.0], [1.2, 0.8, 0.15]])
    for name, size in zip("ab", own):
        write(trimesh.creation.box(size), tmp_path / f"{name}.ply")
    made = domain("  - {name: crate, meshes: [a.ply, b.ply]}\n", tmp_path)
    rng = np.random.default_rng(0)
    for spec in (made.class_spec("crate"), Domain.from_json(made.to_json()).class_spec("crate")):
        assert spec.measured
        assert spec.mean_size() == pytest.approx(own.mean(axis=0))
        off = np.array([spec.sample_size(rng) for _ in range(200)])[:, None] / own
        fits = (np.abs(off - 1) < 0.1001).all(axis=2)
        assert (fits.sum(axis=1) == 1).all()
        assert 60 < fits[:, 0].sum() < 140
        assert off[fits].min() < 0.95 and off[fits].max() > 1.05


def test_size_and_sizes_exclude_each_other_with_meshes_too(tmp_path):
    write(corner(), tmp_path / "a.ply")
    for size in ("{length: 1, width: 1, height: 1}", "{height: 0.8}"):
        with pytest.raises(Sim2SGError, match="size and sizes are both given"):
            domain(f"  - {{name: crate, size: {size}, sizes: [[1, 1, 1]], meshes: [a.ply]}}\n", tmp_path)


def test_a_stated_size_wins_and_options_hold_for_a_whole_folder(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a.obj").write_text("never read")
    entry = "  - {name: crate, sizes: [[1, 1, 1]], meshes: [{file: m, unit: mm, up: y, turn_deg: 90}]}\n"
    spec = domain(entry, tmp_path).class_spec("crate")
    assert spec.size is None
    assert spec.meshes == (MeshSpec(file=str(tmp_path / "m" / "a.obj"), unit="mm", up="y", turn_deg=90),)


def test_a_link_is_read_by_its_own_name(tmp_path):
    (tmp_path / "blobs").mkdir()
    (tmp_path / "meshes").mkdir()
    corner().export(tmp_path / "corner.glb")
    (tmp_path / "corner.glb").rename(tmp_path / "blobs" / "abc123")
    (tmp_path / "meshes" / "corner.glb").symlink_to("../blobs/abc123")
    spec = domain("  - {name: crate, meshes: [meshes/corner.glb]}\n", tmp_path).class_spec("crate")
    assert [m.file for m in spec.meshes] == [str(tmp_path / "meshes" / "corner.glb")]
    assert mesh_extents(
        spec.meshes[0].file, spec.meshes[0].unit, spec.meshes[0].up, spec.meshes[0].turn_deg
    ) == pytest.approx((EXTENTS[2], EXTENTS[0], EXTENTS[1]), rel=1e-5)


def test_what_a_model_carries_along_needs_no_files(tmp_path):
    file = tmp_path / "a.ply"
    write(corner(), file)
    made = domain("  - {name: crate, meshes: [a.ply]}\n", tmp_path)
    file.unlink()
    again = Domain.from_json(made.to_json())
    assert again == made
    assert again.hash() == made.hash()


PATCHED = "  - {name: crate, meshes: [meshes/a.obj]}\nappearance: {patches: {floor: [floor.png]}}\n"


@pytest.fixture
def patched(tmp_path):
    """A folder with all that the domain `PATCHED` names."""
    folder = tmp_path / "here"
    (folder / "meshes").mkdir(parents=True)
    write(corner(), folder / "meshes" / "a.obj")
    (folder / "floor.png").write_bytes(b"never read")
    return folder


@pytest.mark.parametrize("file", ["meshes/a.obj", "floor.png"])
def test_the_hash_follows_what_is_in_the_files(patched, file):
    before = domain(PATCHED, patched)
    carried = before.to_json()
    with open(patched / file, "ab") as stream:
        stream.write(b"\n")
    after = domain(PATCHED, patched)
    assert after.classes == before.classes and after.hash() != before.hash()
    assert Domain.from_json(carried).hash() == before.hash()
    assert len({before.hash(), after.hash(), domain(PATCHED.replace("/a.obj", ""), patched).hash()}) == 2


def test_the_hash_does_not_follow_the_folder(patched):
    before = domain(PATCHED, patched).hash()
    moved = patched.rename(patched.with_name("there"))
    assert domain(PATCHED, moved).hash() == before


def test_the_hash_follows_files_that_are_named_later(patched):
    made = domain(PATCHED, patched)
    looks = made.appearance.model_copy(update={"patches": {"floor": (str(patched / "new.png"),)}})
    hashes = set()
    for content in (b"grass", b"sand"):
        (patched / "new.png").write_bytes(content)
        hashes.add(made.model_copy(update={"appearance": looks}).hash())
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("  - name: crate\n    meshes:\n      - empty\n", "own.yaml:10: classes[0].meshes[0]: no meshes in the folder"),
        ("  - name: crate\n    meshes:\n      - a.ply\n      - gone.obj\n", "own.yaml:11: classes[0].meshes[1]"),
        ("  - name: crate\n    meshes:\n      - a.ply\n      - flat.obj\n", "own.yaml:11: classes[0].meshes[1]"),
        ("  - name: crate\n    meshes:\n      - two\n      - bad.obj\n", "own.yaml:11: classes[0].meshes[1]"),
        ("  - name: crate\n    meshes:\n      - {file: a.ply, units: mm}\n", "own.yaml:10: classes[0].meshes[0].units"),
        ("  - name: crate\n    meshes:\n      - {file: a.ply, up: w}\n", "own.yaml:10: classes[0].meshes[0].up"),
        ("  - {name: crate, meshes: [a.ply]}\ndigests: {}\n", "own.yaml:9: digests: is made when the domain is read"),
        ("  - name: crate\n    meshes: []\n", "own.yaml:8: classes[0]: a class has either"),
        ("  - name: crate\n    assets: [cube]\n    meshes: [a.ply]\n", "own.yaml:10: classes[0].meshes: assets and"),
        ("  - name: crate\n    meshes:\n      - notes.txt\n", "notes.txt is not a mesh that can be read; known: .obj"),
    ],
)
def test_mistakes_name_their_line(tmp_path, entry, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "two").mkdir()
    for name in ("a.ply", "two/a.ply", "two/b.ply"):
        write(corner(), tmp_path / name)
    (tmp_path / "flat.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    (tmp_path / "bad.obj").write_text("nothing")
    (tmp_path / "notes.txt").write_text("no mesh")
    with pytest.raises(Sim2SGError) as error:
        domain(entry, tmp_path)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_models_carry_no_folders_of_the_machine(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / "meshes" / folder).mkdir(parents=True)
        write(
            trimesh.creation.box((0.4, 0.3, 0.2 if folder == "a" else 0.1)), tmp_path / "meshes" / folder / "crate.ply"
        )
    made = domain("  - {name: crate, meshes: [meshes/a/crate.ply, meshes/b/crate.ply]}\n", tmp_path)
    carried = made.to_portable_json()
    assert str(tmp_path) not in str(carried)
    assert [mesh["file"] for mesh in carried["classes"][0]["meshes"]] == ["a/crate.ply", "b/crate.ply"]
    again = Domain.from_json(carried)
    assert again.hash() == made.hash() and again.to_portable_json() == carried


@pytest.mark.parametrize("kind", ["stl", "stl_ascii"])
def test_stl_is_read_as_it_is(tmp_path, kind):
    path = tmp_path / "corner.stl"
    corner().export(path, file_type=kind)
    assert mesh_extents(path) == pytest.approx(EXTENTS, rel=1e-5)
    assert mesh_extents(path, unit="cm", scale=2) == pytest.approx(np.array(EXTENTS) / 50, rel=1e-5)
    path.write_bytes(path.read_bytes()[: 100 if kind == "stl" else 3])
    with pytest.raises(Sim2SGError, match=r"corner\.stl: cannot be read as a mesh \(a cut STL file\)"):
        mesh_extents(path)


def test_meshes_of_other_kinds_say_what_to_export_them_as(tmp_path):
    (tmp_path / "chair.step").write_text("ISO-10303-21;")
    with pytest.raises(
        Sim2SGError, match=r"chair\.step: is not a mesh that can be read; export it as one of \.obj, \.glb"
    ):
        mesh_extents(tmp_path / "chair.step")
    (tmp_path / "my chair.dae").write_text("<COLLADA/>")
    says = (
        r"COLLADA is not read; convert it: assimp export 'my chair.dae' 'my chair.glb' \(apt-get install assimp-utils"
    )
    with pytest.raises(Sim2SGError, match=says):
        mesh_extents(tmp_path / "my chair.dae")
    with pytest.raises(Sim2SGError, match=says):
        domain("  - {name: chair, meshes: [my chair.dae]}\n", tmp_path)


def test_scale_makes_the_mesh_and_its_class_as_large(tmp_path):
    write(corner(), tmp_path / "corner.obj")
    text = "  - {name: brick, meshes: [{file: corner.obj, scale: 3}], yaw_symmetry: 1}\n"
    text += "predicates: [{name: left_of, rule: left_of, margin: 0.1}]\n"
    (spec,) = domain(text, tmp_path).classes
    assert spec.mean_size() == pytest.approx(3 * np.array(EXTENTS), rel=1e-4)
    assert spec.meshes[0].model_dump()["scale"] == 3
    plain = domain(text.replace(", scale: 3", ""), tmp_path).classes[0]
    assert "scale" not in plain.meshes[0].model_dump()
    with pytest.raises(Sim2SGError, match=r"scale: 0 is too small"):
        domain(text.replace("scale: 3", "scale: 0"), tmp_path)


def test_one_extent_scales_meshes_as_they_are(tmp_path):
    write(corner(), tmp_path / "corner.obj")
    text = "  - {{name: brick, size: {{{size}}}, meshes: [{{file: corner.obj, unit: cm}}]}}\n"
    (spec,) = domain(text.format(size="height: 1.5"), tmp_path).classes
    length, width, height = EXTENTS
    assert spec.mean_size() == pytest.approx([length / height * 1.5, width / height * 1.5, 1.5], rel=1e-3)
    assert spec.measured and spec.meshes[0].scale == pytest.approx(1.5 / (0.01 * height), rel=1e-3)
    with pytest.raises(Sim2SGError, match=r"size.height: one extent alone is one number above 0"):
        domain(text.format(size="height: [1, 2]"), tmp_path)
    with pytest.raises(Sim2SGError, match=r"size.width: missing key"):
        domain(text.format(size="height: 1, length: 2"), tmp_path)
