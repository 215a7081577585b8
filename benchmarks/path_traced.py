"""The path-traced target of the dining benchmark: an unlabelled log, and labelled images to score on.

Blender's Cycles draws it, in a process and an environment of its own (`bpy` is GPL and no dependency of the package);
`dining_target.yaml` says what of. Writes OUT/log (a bag: MCAP), OUT/test and OUT/oracle (COCO with relations).
Resumable: what is drawn stays.

python benchmarks/path_traced.py --out DATA [--jobs 2] [--smoke]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from path_traced_content import draw_scene
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.scene import Camera, Layout, Placement, SceneGraph, SceneObject
from sim2sg_core.scene.graph import write_json
from sim2sg_core.synthesis.dataset import to_coco
from sim2sg_core.synthesis.labels import relations_of

HERE = Path(__file__).parent
SPEC = HERE / "dining_target.yaml"
BLENDER = ("bpy==4.5.*", "opencv-python-headless<4.12")  # The last OpenCV for bpy's numpy.
PERIOD_NS = 500_000_000  # between the images of the log
START_NS = 1_700_000_000_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the data, outside the repository")
    parser.add_argument("--python", type=Path, help="a Python 3.11 with bpy (default: an environment made in OUT)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes, of one thread each")
    parser.add_argument("--smoke", action="store_true", help="two images of each set, few samples")
    args = parser.parse_args()
    spec = yaml.safe_load(SPEC.read_text())
    if args.smoke:
        spec["cycles"]["samples"] = 2
        spec["sets"] = {name: {**given, "count": 2} for name, given in spec["sets"].items()}
    python, domain = args.python or environment(args.out / "blender"), load_domain("dining")
    for name, given in spec["sets"].items():
        scenes = [draw_scene(spec, given["first_seed"] + k) for k in range(given["count"])]
        drawn = args.out / "drawn" / name
        render(python, spec, scenes, drawn, args.jobs)
        if name == "log":
            write_log(spec, scenes, drawn, args.out / "log")
        else:
            write_labelled(domain, spec, scenes, drawn, args.out / name)
        print(f"{args.out / name}: {len(scenes)} images")


def environment(folder: Path) -> Path:
    """Makes an environment with Blender's module. Returns its Python."""
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *BLENDER], check=True)
        (folder / "ready").touch()
    return python


def render(python: Path, spec: dict[str, Any], scenes: Sequence[dict], out: Path, jobs: int) -> None:
    """Draws the scenes that are not there yet, shared out among processes."""
    out.mkdir(parents=True, exist_ok=True)
    todo = [s for s in scenes if not (out / f"{s['seed']}.json").exists()]
    running = []
    for k in range(min(jobs, len(todo))):
        job = out / f"job_{k}.json"
        write_json(job, {"spec": spec, "scenes": todo[k::jobs]})
        with (out / f"job_{k}.txt").open("w") as log:
            words = [str(python), str(HERE / "path_traced_blender.py"), str(job), str(out)]
            running.append(subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT))
    failed = [k for k, process in enumerate(running) if process.wait()]
    if failed:
        sys.exit(f"error: Blender failed; its last words are in {out / f'job_{failed[0]}.txt'}")


def camera_of(spec: dict[str, Any], extrinsics: dict[str, float] | None) -> Camera:
    """Returns the lens, over the ground where a mount is given."""
    image = spec["image"]
    width, height = image["width"], image["height"]
    focal = width / 2 / np.tan(np.radians(image["hfov_deg"]) / 2)
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    if extrinsics is None:
        return Camera(width, height, K)
    return Camera.from_extrinsics(width, height, K, extrinsics["height"], extrinsics["pitch"], extrinsics["roll"])


def picture(spec: dict[str, Any], scene: dict, drawn: Path) -> bytes:
    """Returns the JPEG of a drawn scene, with a sensor's noise."""
    image = cv2.imread(str(drawn / f"{scene['seed']}.png")).astype(np.float32)
    rng = np.random.default_rng([scene["seed"], 9])
    image += rng.normal(0, spec["cycles"]["noise"], image.shape)
    quality = [cv2.IMWRITE_JPEG_QUALITY, spec["cycles"]["jpeg"]]
    return cv2.imencode(".jpg", np.clip(image, 0, 255).astype(np.uint8), quality)[1].tobytes()


def write_log(spec: dict[str, Any], scenes: Sequence[dict], drawn: Path, out: Path) -> None:
    """Writes the unlabelled log: compressed images and the lens, and nothing of what stands where."""
    if (out / "metadata.yaml").exists():
        return
    store = get_typestore(Stores.ROS2_HUMBLE)
    make = store.types
    camera = camera_of(spec, None)
    with Writer(out, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        image_kind, info_kind = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"
        images = writer.add_connection("/camera/image/compressed", image_kind, typestore=store)
        infos = writer.add_connection("/camera/camera_info", info_kind, typestore=store)
        for k, scene in enumerate(scenes):
            stamp = START_NS + k * PERIOD_NS
            header = make["std_msgs/msg/Header"](make["builtin_interfaces/msg/Time"](*divmod(stamp, 10**9)), "camera")
            data = np.frombuffer(picture(spec, scene, drawn), np.uint8)
            writer.write(images, stamp, store.serialize_cdr(make[image_kind](header, "jpeg", data), image_kind))
            info = make[info_kind](
                header=header, height=camera.height, width=camera.width, distortion_model="plumb_bob",
                d=np.zeros(5), k=camera.K.ravel(), r=np.eye(3).ravel(),
                p=np.column_stack([camera.K, np.zeros(3)]).ravel(), binning_x=0, binning_y=0,
                roi=make["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False),
            )  # fmt: skip
            writer.write(infos, stamp, store.serialize_cdr(info, info_kind))


def write_labelled(domain: Domain, spec: dict[str, Any], scenes: Sequence[dict], drawn: Path, out: Path) -> None:
    """Writes images and COCO with relations, boxes from the pixels of each instance."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    graphs = []
    for k, scene in enumerate(scenes):
        file = f"{k:06d}.jpg"
        (out / "images" / file).write_bytes(picture(spec, scene, drawn))
        graphs.append(ground_truth(domain, spec, scene, drawn, file))
    write_json(out / "annotations.json", to_coco(domain, graphs))


def ground_truth(domain: Domain, spec: dict[str, Any], scene: dict, drawn: Path, file: str) -> SceneGraph:
    """Returns the graph of a drawn scene: what is seen of every thing, and the rules' relations."""
    ids = cv2.imread(str(drawn / f"{scene['seed']}.ids.png"))[..., 2]
    alone = json.loads((drawn / f"{scene['seed']}.json").read_text())["unoccluded_pixels"]
    camera = camera_of(spec, scene["camera"])
    objects = []
    for number, thing, box, count in seen(ids, scene["things"]):
        size = np.array(thing["size"])
        pose = Placement(thing["label"], np.array(thing["position"]), thing["yaw"], size).to_pose(camera)
        visibility = float(min(1.0, count / max(alone[number - 1], count)))
        objects.append(SceneObject(thing["label"], 1.0, box, pose, visibility))
    objects.sort(key=lambda o: float(o.pose.position[2]))
    relations = relations_of(domain, Layout(camera, ()), objects)
    return SceneGraph(camera.width, camera.height, tuple(objects), relations, file, camera=camera)


def seen(ids: np.ndarray, things: Sequence[dict]) -> Iterator[tuple[int, dict, np.ndarray, int]]:
    """Yields number, thing, xyxy box and pixels of everything of which a pixel is seen."""
    for number, thing in enumerate(things, start=1):
        rows, columns = np.nonzero(ids == number)
        if len(rows):
            box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
            yield number, thing, box, len(rows)


if __name__ == "__main__":
    main()
