"""Meshes of others: looked into before they are read, and what they name stays in the domain's folder."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest
import trimesh
from PIL import Image

from sim2sg_core.domains import mesh_checks
from sim2sg_core.domains.loading import parse_domain
from sim2sg_core.domains.mesh_checks import check_mesh
from sim2sg_core.domains.mesh_files import read_mesh, read_parts
from sim2sg_core.errors import Sim2SGError
from tests.domains.test_mesh_files import HEAD

CUBE = trimesh.creation.box((0.4, 0.3, 0.2))
OBJ = "mtllib {mtl}\n" + "".join(f"v {x} {y} {z}\n" for x in (0, 0.4) for y in (0, 0.3) for z in (0, 0.2))
FACES = "vt 0 0\nvt 1 0\nvt 1 1\nusemtl skin\nf 1/1 3/2 7/3\nf 1/1 7/2 5/3\nf 2/1 6/2 8/3\nf 2/1 8/2 4/3\n"


def refuse(path, message, within=None):
    with pytest.raises(Sim2SGError, match=message) as caught:
        check_mesh(path, within)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def png(width, height):
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (200, 10, 10)).save(stream, "PNG")
    return stream.getvalue()


def glb(path, edit):
    """Writes a cube as GLB, its JSON part changed."""
    data = CUBE.export(file_type="glb")
    (length,) = struct.unpack_from("<I", data, 12)
    tree = json.loads(data[20 : 20 + length])
    edit(tree)
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    size = 20 + len(text) + len(data) - 20 - length
    path.write_bytes(data[:8] + struct.pack("<II", size, len(text)) + b"JSON" + text + data[20 + length :])
    return path


@pytest.fixture
def textured(tmp_path):
    """An OBJ whose material names a texture beside it."""
    (tmp_path / "a.obj").write_text(OBJ.format(mtl="a.mtl") + FACES)
    (tmp_path / "a.mtl").write_text("newmtl skin\nKd 1 1 1\nmap_Kd wood.png\n")
    (tmp_path / "wood.png").write_bytes(png(4, 4))
    return tmp_path / "a.obj"


def colour(path):
    material = read_parts(path)[0].visual.material
    return None if material.image is None else material.image.convert("RGB").getpixel((0, 0))


@pytest.mark.parametrize(
    ("extension", "name"), [("KHR_draco_mesh_compression", "Draco"), ("EXT_meshopt_compression", "meshopt")]
)
def test_compressed_parts_are_refused_by_name(tmp_path, extension, name):
    def used(tree):
        tree["extensionsUsed"] = [extension]

    def of_one_part(tree):
        tree["meshes"][0]["primitives"][0]["extensions"] = {extension: {}}

    def of_a_view(tree):
        tree["bufferViews"][0]["extensions"] = {extension: {}}

    for edit in (used, of_one_part, of_a_view):
        refuse(glb(tmp_path / "a.glb", edit), f"compressed by {name} .*export it without compression")


def test_half_a_mesh_is_not_drawn_without_the_other(tmp_path):
    refuse(glb(tmp_path / "a.glb", lambda tree: tree["accessors"][0].pop("bufferView")), "a part of it has no data")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t["accessors"][0].update(count=10**12), "vertices in one accessor"),
        (lambda t: t.update(nodes=[{"mesh": 0}] * 30_000), "30,000 nodes"),
    ],
)
def test_sizes_that_a_gltf_file_claims(tmp_path, edit, message):
    refuse(glb(tmp_path / "a.glb", edit), f"{message}, and at most")


def test_a_mesh_that_many_nodes_name_counts_as_often(tmp_path, monkeypatch):
    path = glb(tmp_path / "a.glb", lambda tree: tree.update(nodes=[{"mesh": 0}] * 1000))
    check_mesh(path)
    monkeypatch.setattr(mesh_checks, "MESH_FACES", 11_999)
    refuse(path, "12,000 faces, and at most 11,999")


def test_sizes_of_obj_and_ply(tmp_path, monkeypatch):
    (tmp_path / "a.ply").write_text("ply\nformat ascii 1.0\nelement vertex 99999999999\nend_header\n")
    refuse(tmp_path / "a.ply", "of element vertex, and at most")
    monkeypatch.setattr(mesh_checks, "MESH_VERTICES", 7)
    (tmp_path / "a.obj").write_text(OBJ + FACES)
    refuse(tmp_path / "a.obj", "8 vertices, and at most 7")
    monkeypatch.setattr(mesh_checks, "MESH_VERTICES", 8)
    monkeypatch.setattr(mesh_checks, "MESH_FACES", 3)
    refuse(tmp_path / "a.obj", "4 faces, and at most 3")
    monkeypatch.setattr(mesh_checks, "MESH_BYTES", 10)
    refuse(tmp_path / "a.obj", "bytes, and at most 10")


def test_textures_of_too_many_pixels(textured, tmp_path):
    (tmp_path / "wood.png").write_bytes(png(9000, 9000))
    refuse_texture = "81,000,000 pixels of a texture of 9000x9000, and at most"
    with pytest.raises(Sim2SGError, match=rf"wood\.png: {refuse_texture}"):
        read_mesh(textured)
    cube = trimesh.creation.box((1, 1, 1))
    uv = np.zeros((len(cube.vertices), 2))
    cube.visual = trimesh.visual.TextureVisuals(uv, image=Image.new("P", (9000, 9000)))
    cube.export(tmp_path / "b.glb")
    refuse(tmp_path / "b.glb", refuse_texture)


def test_materials_in_latin_1_and_paths_of_windows(textured, tmp_path):
    textured.write_bytes(OBJ.format(mtl="märz é.mtl").encode("latin-1") + FACES.encode())
    material = "newmtl skin\n# été\nKd 1 1 1\nmap_Kd C:\\Users\\me\\wood.png\n"
    (tmp_path / "märz é.mtl").write_bytes(material.encode("latin-1"))
    assert colour(textured) == (200, 10, 10)


def test_textures_may_lie_elsewhere_in_the_domains_folder(textured, tmp_path):
    (tmp_path / "meshes").mkdir()
    moved = textured.rename(tmp_path / "meshes" / "a.obj")
    (tmp_path / "a.mtl").rename(tmp_path / "meshes" / "a.mtl")
    (tmp_path / "meshes" / "a.mtl").write_text("newmtl skin\nmap_Kd ../wood.png\n")
    check_mesh(moved, tmp_path)
    assert colour(moved) == (200, 10, 10)


def test_what_a_mesh_names_stays_in_the_domains_folder(textured, tmp_path):
    inside = tmp_path / "domain"
    inside.mkdir()
    refuse(textured, r"its material file .*a\.mtl lies outside .*--allow-outside", inside)
    mesh = inside / "a.obj"
    for mtl in ("../a.mtl", str(tmp_path / "a.mtl")):
        mesh.write_text(OBJ.format(mtl=mtl) + FACES)
        refuse(mesh, "its material file .* lies outside", inside)
    mesh.write_text(OBJ.format(mtl="a.mtl") + FACES)
    (inside / "a.mtl").write_text("newmtl skin\nmap_Kd ../wood.png\n")
    refuse(mesh, "its texture .* lies outside", inside)
    (inside / "a.mtl").unlink()
    (inside / "a.mtl").symlink_to(tmp_path / "a.mtl")
    refuse(mesh, "its material file .* lies outside", inside)
    (tmp_path / "data.bin").write_bytes(bytes(64))
    for uri in ("../data.bin", "%2e%2e/data.bin", str(tmp_path / "data.bin")):
        path = glb(inside / "b.glb", lambda tree, uri=uri: tree["buffers"].append({"uri": uri, "byteLength": 64}))
        refuse(path, "its buffer .* lies outside", inside)
        check_mesh(path)


def test_what_is_not_there_is_told_once(textured, tmp_path, caplog):
    (tmp_path / "wood.png").unlink()
    check_mesh(textured, tmp_path)
    assert [r.getMessage() for r in caplog.records] == [
        f"{textured}: its texture wood.png is not there; drawn without it"
    ]


SPEC = "  - {{name: crate, size: {{length: 0.4, width: 0.3, height: 0.2}}, meshes: [{mesh}]}}\n"


def test_a_domain_names_nothing_outside_its_folder(tmp_path):
    CUBE.export(tmp_path / "secret.ply")
    folder = tmp_path / "domain"
    (folder / "meshes").mkdir(parents=True)
    (folder / "link.ply").symlink_to(tmp_path / "secret.ply")
    (folder / "meshes" / "link.ply").symlink_to(tmp_path / "secret.ply")
    file = str(folder / "own.yaml")
    for mesh in ("../secret.ply", str(tmp_path / "secret.ply"), "link.ply", "meshes"):
        text = HEAD + SPEC.format(mesh=mesh)
        with pytest.raises(Sim2SGError, match=r"own\.yaml:8: classes\[0\]\.meshes.* lies outside .*--allow-outside"):
            parse_domain(text, file)
        assert parse_domain(text, file, allow_outside=True).class_spec("crate").meshes
    Image.new("RGB", (8, 8)).save(tmp_path / "floor.png")
    look = (
        HEAD
        + "  - {name: crate, size: {length: 1, width: 1, height: 1}}\nappearance: {patches: {floor: [../floor.png]}}\n"
    )
    with pytest.raises(Sim2SGError, match=r"appearance\.patches\.floor.* lies outside"):
        parse_domain(look, file)


def test_pictures_of_too_many_pixels(tmp_path):
    Image.new("1", (9000, 9000)).save(tmp_path / "floor.png")
    (tmp_path / "sky.hdr").write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 40000 +X 80000\n\0\0")
    crate = HEAD + "  - {name: crate, size: {length: 1, width: 1, height: 1}}\n"
    for look in ("patches: {floor: [floor.png]}", "environment: sky.hdr"):
        with pytest.raises(Sim2SGError, match=r"own\.yaml:9: appearance.* pixels of a texture of .*, and at most"):
            parse_domain(f"{crate}appearance: {{{look}}}\n", str(tmp_path / "own.yaml"))


@pytest.mark.parametrize(
    "edit",
    [
        lambda t: t["accessors"][0].update(type="SCALAR"),
        lambda t: t["nodes"][-1].update(matrix=[1]),
        lambda t: t["nodes"].append({"mesh": 7, "children": [0]}),
        lambda t: t["meshes"][0].update(primitives=5),
        lambda t: t.update(accessors={}),
    ],
)
def test_gltf_that_contradicts_itself_is_told_or_read(tmp_path, edit):
    path = glb(tmp_path / "a.glb", edit)
    try:
        assert read_mesh(path).extents == pytest.approx(sorted(CUBE.extents), abs=0.3)
    except Sim2SGError as error:
        assert str(path) in str(error)
