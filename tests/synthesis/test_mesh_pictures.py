"""Textures of files stay pictures on the mesh, and lie where they lay when it is thinned."""

import numpy as np
import pytest
import trimesh
from PIL import Image

from sim2sg_core.domains import MeshSpec
from sim2sg_core.render.meshes import PICTURE_SIZE
from sim2sg_core.synthesis.assets.file_assets import file_asset, file_asset_name
from sim2sg_core.synthesis.assets.mesh_assets import COARSE_FACES, MOST_FACES, coarsened
from sim2sg_core.synthesis.assets.mesh_pictures import MOST_PICTURES

RAMP = np.zeros((64, 64, 3), np.uint8)
RAMP[..., 0], RAMP[..., 1] = np.arange(64) * 4, np.arange(64)[:, None] * 4
"""Red grows with u; green from the picture's top down, so it falls with v."""


def load(mesh, path, image, uv, **material):
    """Writes a mesh with a texture and builds its asset."""
    if path.suffix == ".glb":
        made = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(image), **material)
    else:
        made = trimesh.visual.material.SimpleMaterial(image=Image.fromarray(image))
    mesh.visual = trimesh.visual.TextureVisuals(uv=uv, material=made)
    mesh.export(path)
    return file_asset(file_asset_name(MeshSpec(file=str(path), up="z")))


def box_and_uv():
    box = trimesh.creation.box((1, 1, 1))
    box.unmerge_vertices()
    return box, np.asarray(box.vertices[:, [0, 2]]) + 0.5


def read(asset, uvs, slot):
    """(N, 3) pixels of a slot's picture at places on it."""
    column, row = (np.floor(uvs % 1 * PICTURE_SIZE).astype(int) % PICTURE_SIZE).T
    return asset.pictures[slot].pixels[row, column].astype(int)


@pytest.mark.parametrize("kind", [".obj", ".glb"])
def test_a_texture_stays_a_picture_and_the_mesh_as_it_was(tmp_path, kind):
    box, uv = box_and_uv()
    asset = load(box, tmp_path / f"box{kind}", RAMP, uv)
    assert len(asset.mesh.faces) == 12 and asset.mesh.tints is None and asset.mesh.imported
    (slot,) = asset.slots
    assert (slot.palette, slot.color) == ("fixed", (1, 1, 1))
    pixels = asset.pictures[0].pixels
    assert pixels.shape == (PICTURE_SIZE, PICTURE_SIZE, 3) and pixels.dtype == np.uint8
    # The first row is the lowest: v = 0, which is the last of the file.
    assert (pixels[0, 0], pixels[-1, -1]) == (pytest.approx([0, 252, 0]), pytest.approx([252, 0, 0]))
    np.testing.assert_allclose(asset.mesh.uvs[:, 0], asset.mesh.vertices[:, 0] + 0.5, atol=1e-6)
    np.testing.assert_allclose(asset.mesh.uvs[:, 1], asset.mesh.vertices[:, 2], atol=1e-6)


def test_a_factor_of_gltf_multiplies_the_picture_as_light(tmp_path):
    box, uv = box_and_uv()
    white = np.full((8, 8, 3), 255, np.uint8)
    white[:, 4:] = 0
    asset = load(box, tmp_path / "box.glb", white, uv, baseColorFactor=[55, 255, 255, 255], metallicFactor=0.5)
    assert asset.pictures[0].pixels[0, 0] == pytest.approx([128, 255, 255], abs=1)  # 55 of 255 linear looks like 128.
    assert asset.slots[0].metallic == pytest.approx(0.5)


def test_a_picture_of_one_color_on_every_face_is_that_color(tmp_path):
    box, uv = box_and_uv()
    asset = load(box, tmp_path / "box.glb", RAMP, np.full_like(uv, 0.51))
    assert asset.pictures == () and asset.mesh.uvs is None
    assert len(np.unique(asset.mesh.tints, axis=0)) == 1


def test_small_pictures_beyond_the_most_become_colors_of_vertices(tmp_path):
    scene = trimesh.Scene()
    for k in range(MOST_PICTURES + 2):
        box, uv = box_and_uv()
        box.apply_scale(1 + 0.1 * k)
        box.apply_translation([2.5 * k, 0, 0])
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(RAMP), alphaMode="OPAQUE")
        material.baseColorFactor = [255, 255, 100 + k, 255]
        box.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
        scene.add_geometry(box)
    scene.export(tmp_path / "many.glb")
    asset = file_asset(file_asset_name(MeshSpec(file=str(tmp_path / "many.glb"), up="z")))
    assert sum(p is not None for p in asset.pictures) == MOST_PICTURES
    assert len(asset.pictures) == len(asset.slots)
    plain = np.array([p is None for p in asset.pictures])[asset.mesh.slots]
    centre = asset.mesh.vertices[asset.mesh.faces].mean(axis=1)
    assert plain.sum() > 200 and centre[plain, 0].max() < centre[~plain, 0].min()
    assert (asset.mesh.uvs[asset.mesh.faces[plain]] == 0).all()
    assert (asset.mesh.tints[asset.mesh.faces[~plain]] == 255).all()


def ball(columns, rows):
    """A sphere with a seam, at which the picture, laid round it twice, begins anew."""
    across, down = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0.02, 0.98, rows + 1))
    angle, tilt = 2 * np.pi * across, np.pi * down
    points = np.stack([np.cos(angle) * np.sin(tilt), np.sin(angle) * np.sin(tilt), np.cos(tilt)], -1).reshape(-1, 3)
    index = np.arange(len(points)).reshape(rows + 1, columns + 1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    faces = np.concatenate([np.stack(f, -1).reshape(-1, 3) for f in ((a, c, b), (b, c, d))])
    uv = np.stack([2 * across, 1 - down], -1).reshape(-1, 2)
    return trimesh.Trimesh(points, faces, process=False), uv


def strayed(asset):
    """(F,) how far the picture at the middles of faces is from what belongs there, as places on it."""
    corners = asset.mesh.vertices[asset.mesh.faces].astype(float)
    middle = (corners.mean(axis=1) - [0, 0, 0.5]) * 2
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    right = np.stack([np.arctan2(middle[:, 1], middle[:, 0]) / np.pi, 1 - np.arccos(middle[:, 2]) / np.pi], 1)
    away = asset.mesh.uvs[asset.mesh.faces].mean(axis=1) - right
    away[:, 0] -= np.round(away[:, 0])
    return np.abs(away).max(axis=1)


def test_thinned_meshes_keep_their_pictures_in_place(tmp_path):
    mesh, uv = ball(160, 80)
    asset = load(mesh, tmp_path / "ball.obj", RAMP, uv)
    assert len(mesh.faces) > 4 * MOST_FACES
    assert np.ptp(asset.mesh.uvs[asset.mesh.faces], axis=1).max() < 0.3  # No face reaches across the seam.
    coarse = coarsened(asset, "coarse")
    assert coarse.pictures == asset.pictures and len(coarse.mesh.faces) <= 2.1 * COARSE_FACES
    for made, most in ((asset, 0.02), (coarse, 0.04)):
        middle = np.abs(made.mesh.vertices[made.mesh.faces].mean(axis=1)[:, 2] - 0.5) < 0.4  # At poles u is anything.
        assert np.quantile(strayed(made)[middle], 0.98) < most


def test_holes_are_cut_out_and_the_rest_stays_a_picture(tmp_path):
    slab = trimesh.creation.box((1, 1, 0.1))
    slab.unmerge_vertices()
    pixels = np.zeros((4, 64, 4), np.uint8)
    pixels[:, 32:] = (255, 0, 0, 255)
    pixels[:, 48:] = (0, 0, 255, 255)
    asset = load(slab, tmp_path / "slab.obj", pixels, slab.vertices[:, :2] + 0.5)
    assert asset.size[0] == pytest.approx(0.5, abs=0.05)
    shown = read(asset, asset.mesh.uvs[asset.mesh.faces].mean(axis=1), 0)
    a, b, c = asset.mesh.vertices[asset.mesh.faces].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    wrong = ~np.isin(shown.sum(axis=1), 255)  # neither red nor blue: what reaches into the hole
    assert area[wrong].sum() < 0.12 * area.sum()
    # What is in the hole would show at its edge, when it is seen small.
    assert tuple(asset.pictures[0].pixels[0, 0]) == (128, 0, 128)
