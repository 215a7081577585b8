"""CLEVR scenes as a training set: labelled path-traced frames in the form that `sim2sg synth` writes.

For the oracle of the CLEVR benchmark. A scene file gives 3D centres in CLEVR's world, the viewer's directions, and
each centre's pixel and depth, but no camera. The camera never rolls, so `directions` hold its heading, and what is
left (pitch and place) follows from the centres: `pixel_coords` are rounded pixels and the exact depth z along the
optical axis (as a distance along the ray they contradict the distances between `3d_coords`).

python benchmarks/clevr_data.py --data FOLDER --out DATASET
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation.clevr_format import scene_relations
from sim2sg_core.evaluation.labelled_images import image_size
from sim2sg_core.json_reader import JsonObject, decode_json
from sim2sg_core.scene import Camera, Placement, SceneGraph, SceneObject, derive_relations
from sim2sg_core.scene.graph import write_json
from sim2sg_core.synthesis.assets.registry import load_asset
from sim2sg_core.synthesis.dataset import make_folders, to_coco

LENS, SENSOR = 35.0, 32.0
"""Focal length and width of the sensor, millimetres, of CLEVR's Blender scene."""
HELD_OUT_EVERY = 8
MAX_DEPTH_ERROR, MAX_PIXEL_ERROR = 0.01, 1.5
"""Metres and pixels that a centre may lie from where the recovered camera sees it."""


@dataclass(frozen=True, eq=False)
class View:
    """The camera of a scene, and where CLEVR's world lies for it.

    Attributes:
        camera: Intrinsics and ground.
        axes: (3, 3) rows are our world's x (forward), y (left) and z (up) in CLEVR's world.
        position: (3,) of the camera in CLEVR's world, metres.
    """

    camera: Camera
    axes: np.ndarray
    position: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with images/ and scenes/")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the data set's folder")
    parser.add_argument("--domain", default="clevr", metavar="NAME|YAML", help="classes and rules (default clevr)")
    args = parser.parse_args()
    try:
        count = convert(args.data, args.out, load_domain(args.domain))
    except Sim2SGError as error:
        parser.exit(2, f"error: {error}\n")
    print(f"{count} labelled images in {args.out}")


def convert(source: Path, out: Path, domain: Domain, held_out: bool | None = None) -> int:
    """Writes the scenes of a folder as a data set that `learning.data.load_records` reads.

    Args:
        source: Folder with `images` and `scenes/*.json`, each scene with `bbox` and `visible_pixels`.
        out: Gets `images` (copies) and, when all are there, `annotations.json`.
        domain: Names the classes, predicates and margins.
        held_out: True takes one scene in `HELD_OUT_EVERY`, False the others; None takes all.

    Returns:
        The number of images.

    Raises:
        Sim2SGError: A part is missing, damaged, or contradicts itself.
    """
    paths = sorted((source / "scenes").glob("*.json"))
    if not paths:
        raise Sim2SGError(f"{source}: no scenes/*.json: CLEVR data has images and scenes")
    if held_out is not None:
        paths = [path for n, path in enumerate(paths) if (n % HELD_OUT_EVERY == 0) == held_out]
    make_folders(out)
    graphs = []
    for path in paths:
        scene = decode_json(path.read_bytes(), str(path))
        try:
            image = source / "images" / scene["image_filename"]
            if not image.is_file():
                raise Sim2SGError(f"there is no image {image}")
            graph = scene_graph(scene, *image_size(image), domain)
        except (KeyError, TypeError, ValueError) as error:
            raise Sim2SGError(f"{path}: not a CLEVR scene with boxes and visible pixels ({error!r})") from None
        except Sim2SGError as error:
            raise Sim2SGError(f"{path}: {error}") from None
        shutil.copyfile(image, out / "images" / image.name)
        graphs.append(graph)
    data = to_coco(domain, graphs)
    data["info"]["description"] = f"labelled CLEVR scenes for domain {domain.name}"
    write_json(out / "annotations.json", data)
    return len(graphs)


def scene_graph(scene: dict[str, Any], width: int, height: int, domain: Domain) -> SceneGraph:
    """Returns the ground truth of one scene, objects in the scene's order.

    Raises:
        Sim2SGError: The scene contradicts itself: its directions, pixels and centres fit no camera, or its
            relations differ from those of the poses.
    """
    view = find_view(scene, width, height)
    objects = []
    for item in scene["objects"]:
        placement = place(item, view)
        share = float(item["visible_pixels"]) / max(silhouette_pixels(placement, view.camera), 1)
        box = np.array(item["bbox"], float).reshape(4)
        objects.append(SceneObject(item["shape"], 1.0, box, placement.to_pose(view.camera), min(share, 1.0)))
    relations = scene_relations(JsonObject(scene, "scene"), domain.rules())
    derived = derive_relations([o.pose for o in objects if o.pose], view.camera, domain.rules())
    if set(derived) != set(relations):
        raise Sim2SGError(f"{len(set(derived) ^ set(relations))} relations differ between its directions and its poses")
    return SceneGraph(width, height, tuple(objects), relations, str(scene["image_filename"]), camera=view.camera)


def find_view(scene: dict[str, Any], width: int, height: int) -> View:
    """Recovers the camera of a scene.

    With f, r, d the camera's forward, right and down in CLEVR's world, C its place and P a centre: the depth
    f.(P - C) depends on pitch and f.C alone and is exact, so two objects give both (Gauss-Newton from CLEVR's
    usual pitch); then each pixel gives r.C and d.C, which are averaged over the objects.

    Raises:
        Sim2SGError: Fewer than two objects, or no such camera sees them there.
    """
    centres = np.array([o["3d_coords"] for o in scene["objects"]], float).reshape(-1, 3)
    pixels = np.array([o["pixel_coords"] for o in scene["objects"]], float).reshape(-1, 3)
    if len(centres) < 2:
        raise Sim2SGError("a scene of fewer than two objects does not tell its camera")
    forward, left = (np.array(scene["directions"][name], float) for name in ("behind", "left"))
    up = np.array([0.0, 0.0, 1.0])
    axes = np.stack([forward, left, up])
    focal = LENS / SENSOR * width
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])

    along, high, depth = centres @ forward, centres[:, 2], pixels[:, 2]
    pitch, offset = 0.5, 0.0
    for _ in range(20):
        error = depth - (np.cos(pitch) * along - np.sin(pitch) * high - offset)
        slope = np.column_stack([-np.sin(pitch) * along - np.cos(pitch) * high, -np.ones(len(depth))])
        step = np.linalg.lstsq(slope, error, rcond=None)[0]
        pitch, offset = pitch + step[0], offset + step[1]
    cos, sin = np.cos(pitch), np.sin(pitch)
    optical = np.stack([-left, -sin * forward - cos * up, cos * forward - sin * up])  # right, down, forward
    shift = (centres @ optical[:2].T - (pixels[:, :2] - K[:2, 2]) / focal * depth[:, None]).mean(axis=0)
    position = np.append(shift, offset) @ optical
    camera = Camera.from_extrinsics(width, height, K, float(position[2]), float(pitch))

    seen = camera.to_camera((centres - position) @ axes.T + up * position[2])
    if not (np.abs(seen[:, 2] - depth).max() < MAX_DEPTH_ERROR and (seen[:, 2] > 0).all()):
        raise Sim2SGError("its depths fit no camera: pixel_coords, 3d_coords and directions contradict each other")
    if np.abs(camera.project(seen) - pixels[:, :2]).max() > MAX_PIXEL_ERROR:
        raise Sim2SGError(f"its pixels fit no camera with a {LENS:g} mm lens on a {SENSOR:g} mm sensor")
    return View(camera, axes, position)


def place(item: dict[str, Any], view: View) -> Placement:
    """Returns an object of the scene in our world frame.

    All of CLEVR's shapes stand on the ground and are as long and wide as high, so that the height of the centre
    is half of every side. `rotation` is in radians: the generator hands its 0 to 360 to Blender, which takes
    radians (the pictures show it: boxes fit so and not as degrees).
    """
    centre = np.array(item["3d_coords"], float)
    turn = float(item["rotation"])
    heading = view.axes @ np.array([np.cos(turn), np.sin(turn), 0.0])
    base = view.axes @ (centre - view.position)
    base[2] = 0.0
    return Placement(item["shape"], base, float(np.arctan2(heading[1], heading[0])), np.full(3, 2 * centre[2]))


def silhouette_pixels(placement: Placement, camera: Camera) -> int:
    """Pixels of the image that the object would cover alone: those in the hull of its mesh, all being convex."""
    points = load_asset(placement.label).mesh.vertices * placement.size
    c, s = np.cos(placement.yaw), np.sin(placement.yaw)
    world = points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]]) + placement.position
    hull = cv2.convexHull(camera.project(camera.to_camera(world)).astype(np.float32))[:, 0]
    mask = np.zeros((camera.height, camera.width), np.uint8)
    # OpenCV counts from the middle of the first pixel, and in sixteenths here.
    cv2.fillConvexPoly(mask, np.round((hull - 0.5) * 16).astype(np.int32), 1, shift=4)
    return int(mask.sum())


if __name__ == "__main__":
    main()
