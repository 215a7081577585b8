"""Runs inside Blender's Python (bpy): draws the scenes that `path_traced_content.py` laid out, with Cycles.

python path_traced_blender.py SCENES.json OUT: writes OUT/SEED.png, OUT/SEED.ids.png (instance numbers from 1 in the
red channel) and OUT/SEED.json: for every thing how many pixels it would have alone. Meshes, materials and lights are
this file's own. World frame: x forward, y left, z up, metres.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import bpy
import cv2
import numpy as np
from mathutils import Matrix
from path_traced_shapes import Part, build
from path_traced_surfaces import Surfaces, flat_ids


def main() -> None:
    """Renders every scene that is not there yet."""
    job, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    bpy.ops.preferences.addon_enable(module="cycles")
    for scene in job["scenes"]:
        done = out / f"{scene['seed']}.json"
        if not done.exists():
            draw(scene, job["spec"], out / str(scene["seed"]))
            print(f"drawn {scene['seed']}", flush=True)


def draw(scene: dict, spec: dict, stem: Path) -> None:
    """Builds and renders one scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rng = np.random.default_rng([scene["seed"], 5])
    surfaces = Surfaces(rng)
    camera = place_camera(scene["camera"], spec["image"])
    vertices = []
    for index, thing in enumerate(scene["things"], start=1):
        parts = build(thing, np.random.default_rng([thing["seed"], 3]), surfaces)
        vertices.append(place(parts, thing, index))
    make_room(scene["room"], rng, surfaces, scene["things"])
    set_up(spec)
    expose(stem, rng)
    render(stem.with_suffix(".png"), spec["cycles"]["samples"], denoise=True)
    alone = [unoccluded_pixels(v, camera, spec["image"]) for v in vertices]
    flat_ids()
    render(stem.with_suffix(".ids.png"), 1, denoise=False)
    temporary = stem.with_suffix(".part")
    temporary.write_text(json.dumps({"unoccluded_pixels": alone}))
    temporary.rename(stem.with_suffix(".json"))


def place(parts: Sequence[Part], thing: dict, index: int) -> list[np.ndarray]:
    """Makes objects of the parts, scaled to the thing's extents. Returns (T, 3, 3) world triangles of each part."""
    points = np.concatenate([p.vertices for p in parts])
    low, high = points.min(0), points.max(0)
    middle = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    scale = np.array(thing["size"]) / (high - low)
    c, s = np.cos(thing["yaw"]), np.sin(thing["yaw"])
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    triangles = []
    for part in parts:
        world = ((part.vertices - middle) * scale) @ turn.T + thing["position"]
        add_mesh(part, world, index)
        triangles.append(world[part.triangles()])
    return triangles


def add_mesh(part: Part, world: np.ndarray, index: int = 0) -> bpy.types.Object:
    """Adds a part at world coordinates; its object colour carries its number."""
    mesh = bpy.data.meshes.new(part.name)
    mesh.from_pydata(world.tolist(), [], [list(map(int, f)) for f in part.faces])
    mesh.update()
    if part.smooth:
        mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))
    mesh.materials.append(part.material)
    thing = bpy.data.objects.new(part.name, mesh)
    thing.color = (index / 255, 0, 0, 1)
    bpy.context.collection.objects.link(thing)
    if part.bevel:
        bevel = thing.modifiers.new("bevel", "BEVEL")
        bevel.width, bevel.segments, bevel.limit_method = part.bevel, 3, "ANGLE"
    return thing


def place_camera(extrinsics: dict, image: dict) -> np.ndarray:
    """Adds the camera. Returns (3, 4) world to pixels (homogeneous)."""
    data = bpy.data.cameras.new("camera")
    data.angle = np.radians(image["hfov_deg"])
    data.clip_start = 0.02
    thing = bpy.data.objects.new("camera", data)
    pitch, roll = extrinsics["pitch"], extrinsics["roll"]
    forward = np.array([np.cos(pitch), 0, -np.sin(pitch)])
    right = np.array([0.0, -1.0, 0.0])
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)  # Clockwise about the optical axis: right turns down.
    right, down = c * right + s * down, -s * right + c * down
    turn = np.stack([right, -down, -forward], axis=1)  # Blender's camera looks along its -z, y up.
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, [0, 0, extrinsics["height"]]
    thing.matrix_world = Matrix(pose.tolist())
    bpy.context.collection.objects.link(thing)
    bpy.context.scene.camera = thing
    focal = image["width"] / 2 / np.tan(data.angle / 2)
    K = np.array([[focal, 0, image["width"] / 2], [0, focal, image["height"] / 2], [0, 0, 1]])
    view = np.stack([right, down, forward])
    return K @ np.column_stack([view, -view @ np.array([0, 0, extrinsics["height"]])])


def unoccluded_pixels(parts: list[np.ndarray], camera: np.ndarray, image: dict) -> int:
    """Counts the pixels a thing would cover were it alone in the picture."""
    mask = np.zeros((image["height"], image["width"]), np.uint8)
    for triangles in parts:
        points = np.concatenate([triangles, np.ones((*triangles.shape[:2], 1))], axis=2) @ camera.T
        ahead = (points[..., 2] > 0.05).all(axis=1)
        pixels = points[ahead, :, :2] / points[ahead, :, 2:]
        for triangle in np.round(pixels * 16).astype(np.int64):
            if np.abs(triangle).max() < 1 << 20:
                cv2.fillConvexPoly(mask, triangle.astype(np.int32), 1, shift=4)
    return int(mask.sum())


def make_room(room: dict, rng: np.random.Generator, surfaces: Surfaces, things: list[dict]) -> None:
    """Adds floor, walls, ceiling, windows, lamps, and things without a label."""
    c, s = np.cos(room["turn"]), np.sin(room["turn"])
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    x0, x1, y0, y1, h = (room[k] for k in ("back", "front", "right", "left", "height"))

    def slab(low: Sequence[float], high: Sequence[float], material: bpy.types.Material, bevel: float = 0.0) -> None:
        part = Part.box(low, high, material, bevel)
        add_mesh(part, part.vertices @ turn.T)

    slab((x0, y0, -0.1), (x1, y1, 0.0), surfaces.floor())
    slab((x0, y0, h), (x1, y1, h + 0.1), surfaces.matt((0.8, 0.8, 0.78)))
    wall, board = surfaces.wall(), surfaces.matt((0.7, 0.7, 0.68))
    sides = {
        "front": ((x1, y0, 0), (x1 + 0.1, y1, h)), "left": ((x0, y1, 0), (x1, y1 + 0.1, h)),
        "right": ((x0, y0 - 0.1, 0), (x1, y0, h)), "back": ((x0 - 0.1, y0, 0), (x0, y1, h)),
    }  # fmt: skip
    for low, high in sides.values():
        slab(low, high, wall)
    slab((x1 - 0.015, y0, 0), (x1, y1, 0.08), board)
    slab((x0, y1 - 0.015, 0), (x1, y1, 0.08), board)
    slab((x0, y0, 0), (x1, y0 + 0.015, 0.08), board)
    bright = float(rng.uniform(1.5, 6))
    lit = [str(side) for side in rng.permutation(["front", "left", "right"])[: int(rng.integers(1, 3))]]
    for side in lit:
        window(slab, side, (x0, x1, y0, y1, h), rng, surfaces, bright, turn)
    kinds = ["cupboard", "carpet"] if "front" in lit else ["cupboard", "carpet", "picture", "picture"]
    for kind in rng.choice(kinds, int(rng.integers(1, 4)), replace=len(kinds) < 3):
        furnish(str(kind), slab, (x0, x1, y0, y1, h), rng, surfaces, things, turn)
    lamp((x0 + x1) / 2, (y0 + y1) / 2, h - 0.05, rng, turn)
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (0.03, 0.03, 0.035, 1)
    bpy.context.scene.world = world


def window(
    slab: Callable,
    side: str,
    room: tuple,
    rng: np.random.Generator,
    surfaces: Surfaces,
    bright: float,
    turn: np.ndarray,
) -> None:
    """A bright pane with a frame on a wall, and an area light before it."""
    x0, x1, y0, y1, h = room
    wide, low, high = float(rng.uniform(0.8, 1.8)), float(rng.uniform(0.5, 1.0)), min(h - 0.15, 2.3)
    pane, frame = surfaces.glow((0.75, 0.87, 1.0), bright), surfaces.matt((0.75, 0.74, 0.72))
    if side == "front":
        at = float(rng.uniform(y0 + wide / 2, max(y1 - wide / 2, y0 + wide / 2 + 0.01)))
        slab((x1 - 0.02, at - wide / 2, low), (x1 - 0.01, at + wide / 2, high), pane)
        for y in (at - wide / 2, at, at + wide / 2):
            slab((x1 - 0.06, y - 0.03, low - 0.03), (x1, y + 0.03, high + 0.03), frame, 0.004)
        for z in (low, high):
            slab((x1 - 0.06, at - wide / 2, z - 0.03), (x1, at + wide / 2, z + 0.03), frame, 0.004)
        place, towards = (x1 - 0.1, at, (low + high) / 2), (-1.0, 0.0, -0.3)
    else:
        edge, inward = (y1, -1.0) if side == "left" else (y0, 1.0)
        at = float(rng.uniform(x0 + wide / 2, max(x1 - wide / 2, x0 + wide / 2 + 0.01)))
        a, b = sorted((edge + inward * 0.01, edge + inward * 0.02))
        slab((at - wide / 2, a, low), (at + wide / 2, b, high), pane)
        a, b = sorted((edge, edge + inward * 0.06))
        for x in (at - wide / 2, at, at + wide / 2):
            slab((x - 0.03, a, low - 0.03), (x + 0.03, b, high + 0.03), frame, 0.004)
        for z in (low, high):
            slab((at - wide / 2, a, z - 0.03), (at + wide / 2, b, z + 0.03), frame, 0.004)
        place, towards = (at, edge + inward * 0.1, (low + high) / 2), (0.0, inward, -0.3)
    area(turn @ np.array(place), turn @ np.array(towards), wide, 25 * bright * wide, (0.85, 0.93, 1.0))


def lamp(x: float, y: float, z: float, rng: np.random.Generator, turn: np.ndarray) -> None:
    """Lamps below the ceiling, warm or neutral, bright or dim."""
    color = [(1.0, 0.82, 0.62), (1.0, 0.94, 0.86), (0.95, 0.98, 1.0)][int(rng.integers(3))]
    for _ in range(int(rng.integers(1, 3))):
        place = turn @ np.array([x + rng.uniform(-1, 1), y + rng.uniform(-1, 1), z])
        area(place, np.array([0.0, 0, -1]), float(rng.uniform(0.15, 0.9)), float(rng.uniform(15, 90)), color)


def area(place: np.ndarray, towards: np.ndarray, size: float, power: float, color: Sequence[float]) -> None:
    """Adds an area light that the camera does not see."""
    data = bpy.data.lights.new("light", "AREA")
    data.size, data.energy, data.color = size, power, tuple(color)
    thing = bpy.data.objects.new("light", data)
    z = -towards / np.linalg.norm(towards)
    x = np.cross([0.0, 1, 0] if abs(z[1]) < 0.9 else [1.0, 0, 0], z)
    x /= np.linalg.norm(x)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.stack([x, np.cross(z, x), z], axis=1), place
    thing.matrix_world = Matrix(pose.tolist())
    thing.visible_camera = False
    bpy.context.collection.objects.link(thing)


def furnish(
    kind: str,
    slab: Callable,
    room: tuple,
    rng: np.random.Generator,
    surfaces: Surfaces,
    things: list[dict],
    turn: np.ndarray,
) -> None:
    """A cupboard, a picture or a carpet: nothing that has a label, and nothing in the way."""
    x0, x1, y0, y1, _ = room
    if kind == "carpet":
        table = np.array(things[0]["position"]) @ turn
        a, b = rng.uniform(0.8, 1.4, 2)
        low, high = np.array([table[0] - a, table[1] - b]), np.array([table[0] + a, table[1] + b])
        low, high = np.maximum(low, [x0, y0]), np.minimum(high, [x1, y1])
        slab((*low, 0.0), (*high, 0.004), surfaces.cloth())
    elif kind == "picture":
        y, z = float(rng.uniform(y0 + 0.4, y1 - 0.4)), float(rng.uniform(1.2, 1.7))
        w, t = rng.uniform(0.15, 0.45, 2)
        slab((x1 - 0.03, y - w, z - t), (x1, y + w, z + t), surfaces.wood(), 0.004)
        slab((x1 - 0.034, y - w + 0.03, z - t + 0.03), (x1 - 0.03, y + w - 0.03, z + t - 0.03), surfaces.cloth())
    else:
        wide, deep, high = rng.uniform(0.4, 0.9), rng.uniform(0.3, 0.5), rng.uniform(0.5, 2.0)
        y = float(rng.uniform(y0 + wide, max(y1 - wide, y0 + wide + 0.01)))
        low, top = (x1 - deep, y - wide), (x1, y + wide)
        spots = np.array([t["position"][:2] for t in things]) @ turn[:2, :2]
        if not ((spots > np.array(low) - 0.6) & (spots < np.array(top) + 0.6)).all(axis=1).any():
            slab((*low, 0.0), (*top, high), surfaces.wood(), 0.006)
            slab((low[0] - 0.01, y - 0.008, 0.06), (low[0], y + 0.008, high - 0.04), surfaces.matt((0.1, 0.1, 0.1)))


def set_up(spec: dict) -> None:
    """Sets the renderer."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = spec["image"]["width"], spec["image"]["height"]
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.cycles.device = "CPU"
    scene.cycles.max_bounces = spec["cycles"]["bounces"]
    scene.cycles.transmission_bounces = spec["cycles"]["bounces"]
    scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
    scene.cycles.sample_clamp_indirect = 4.0
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.denoising_quality, scene.cycles.denoising_prefilter = "FAST", "FAST"
    scene.view_settings.view_transform = "AgX"


def expose(stem: Path, rng: np.random.Generator) -> None:
    """Sets the exposure as a camera would, from a small trial picture, give or take a little."""
    scene = bpy.context.scene
    scene.render.resolution_percentage = 12
    file = stem.with_suffix(".trial.png")
    render(file, 8, denoise=True)
    mean = float(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE).mean()) / 255
    file.unlink()
    scene.render.resolution_percentage = 100
    wanted = float(rng.uniform(0.36, 0.56))
    scene.view_settings.exposure = float(np.clip(2.6 * np.log2(wanted / max(mean, 0.02)), -4, 6))


def render(file: Path, samples: int, denoise: bool) -> None:
    """Renders to a file."""
    scene = bpy.context.scene
    scene.cycles.samples, scene.cycles.use_denoising = samples, denoise
    scene.render.filepath = str(file)
    bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main()
