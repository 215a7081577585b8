"""How fast frames are made: images per CPU-second, and against MuJoCo's EGL renderer on an equal scene.

    python benchmarks/synthesis.py [--smoke]

`renderer` and the `mujoco` rows draw the same scenes: six solids on a plane at 320x240, one lamp with a shadow map of
the same size and one without, no multisampling; poses, colours and lamps change every frame; colour, instance ids and
depth are read back, and ours finds the visible boxes. One shadow lookup per pixel, a matt floor without contact shade;
MuJoCo lights vertices, ours pixels. `renderer, full look` adds soft shadows, contact shade, a shiny floor, amodal boxes
and visibility. `mujoco` is its Renderer class as its users call it, tuned by the size of the shadow map, no
multisampling, and kinematics in place of physics; `mujoco low-level` goes underneath it: colour and depth from one
pass, ids from a second without shadows. The other rows are whole frames as `sim2sg synth` makes them: layout,
appearance, drawing, labels, sensor, JPEG. Every repeat is a fresh process that draws on one thread; its CPU time is
measured, after a warm-up.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import print_rows, summary, write_results

WIDTH, HEIGHT, FOCAL, EYE, PITCH = 320, 240, 350.0, 5.3, np.radians(27)
SIZES = {"cube": 0.99, "sphere": 1.4, "cylinder": 1.4}
# Row -> domain, image size and samples of whole frames.
FRAMES = {
    "frame clevr 320x240": ("clevr", 320, 240),
    "frame clevr 480x320": ("clevr", 480, 320),
    "frame drive 640x192": ("drive", 640, 192),
    "frame drive 1242x375": ("drive", 1242, 375),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="few frames, one repeat, nothing written")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--frames", type=int, default=120, help="measured per repeat")
    parser.add_argument("--shadow-size", type=int, default=512, help="of the comparison with MuJoCo")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.smoke:
        args.repeats, args.frames = 1, 16
    if args.part:
        print(json.dumps(measure(args.part, args.frames, args.shadow_size)))
        return
    parts = [*OURS, *MUJOCO, *FRAMES]
    if importlib.util.find_spec("mujoco") is None:
        print("mujoco is not installed (pip install 'sim2sg[dev]'): its row is left out")
        parts = [part for part in parts if part not in MUJOCO]
    rates: dict[str, list[float]] = {part: [] for part in parts}
    device = ""
    for _ in range(args.repeats):
        for part in parts:  # In turn, so that whatever else the machine does hits all alike.
            result = in_process(part, args)
            rates[part].append(result["rate"])
            device = result.get("device") or device
    rows = {part: {"images_per_cpu_s": summary(values)} for part, values in rates.items()}
    for part in MUJOCO:
        if part in rates:
            ratio = [a / b for a, b in zip(rates["renderer"], rates[part])]
            rows["renderer"][f"ratio_to_{part.replace('-', '_').replace(' ', '_')}"] = summary(ratio)
    print(f"drawn by {device}")
    print_rows(rows)
    if not args.smoke:
        print(write_results("synthesis", rows, device=device, shadow_size=args.shadow_size))


def in_process(part: str, args: argparse.Namespace) -> dict:
    """Measures one row in a fresh process."""
    environment = {
        **os.environ,
        "LP_NUM_THREADS": "0",
        "MUJOCO_GL": "egl",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    words = [sys.executable, __file__, "--part", part, "--frames", str(args.frames)]
    words += ["--shadow-size", str(args.shadow_size)]
    done = subprocess.run(words, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(part: str, frames: int, shadow_size: int) -> dict:
    """Returns images per CPU-second of one row."""
    import cv2

    cv2.setNumThreads(1)
    if part in OURS:
        draw, device = our_scene(shadow_size, OURS[part])
    elif part in MUJOCO:
        draw, device = MUJOCO[part](shadow_size), ""
    else:
        draw, device = whole_frames(part)
    if "drive" in part:
        frames = max(6, frames // 4)
    # Whole frames come in many shader variants, each compiled when first used.
    for k in range(max(6, frames // 4) if part in (*OURS, *MUJOCO) else min(frames, 40)):
        draw(10_000 + k)
    start = time.process_time()
    for k in range(frames):
        draw(k)
    return {"rate": frames / (time.process_time() - start), "device": device}


def solids(seed: int) -> list[tuple[str, np.ndarray, float, float, np.ndarray]]:
    """Six solids: name, position of the base, yaw, size, colour. The same for both renderers."""
    rng = np.random.default_rng(seed)
    made = []
    for k in range(6):
        name = ("cube", "sphere", "cylinder")[k % 3]
        place = np.array([7.0 + 1.1 * k, rng.uniform(-2.5, 2.5), 0.0])
        size = SIZES[name] * rng.choice([0.5, 1.0])
        made.append((name, place, rng.uniform(0, 6), size, rng.uniform(0.1, 0.9, 3)))
    return made


def lamps(seed: int) -> np.ndarray:
    """(2, 3) positions of the lamps."""
    rng = np.random.default_rng([seed, 1])
    return np.array([[6.0, 4.0, 7.0], [8.0, -5.0, 6.0]]) + rng.uniform(-1.5, 1.5, (2, 3))


def our_scene(shadow_size: int, plain: bool):
    from sim2sg_core.render.render_scene import Instance, Light, Material, RenderScene, Sky
    from sim2sg_core.render.renderer import Renderer
    from sim2sg_core.scene import Camera
    from sim2sg_core.synthesis.assets.registry import coarse_asset, load_asset

    renderer = Renderer(WIDTH, HEIGHT, shadow_size, taps=1 if plain else 4)
    K = np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])
    camera = Camera.from_extrinsics(WIDTH, HEIGHT, K, EYE, PITCH)

    def draw(seed: int) -> None:
        instances = []
        for name, place, yaw, size, color in solids(seed):
            materials = (Material(tuple((color * color).tolist()), 0.4, 0.4),)
            mesh, coarse = load_asset(name), coarse_asset(name)
            instances.append(Instance(mesh, place, yaw, np.full(3, size), materials, name, coarse=coarse))
        first, second = lamps(seed)
        target = (9.5, 0.0, 0.0)
        lights = (
            Light(tuple(first), (0.7, 0.7, 0.7), target=target, radius=0.5),
            Light(tuple(second), (0.3, 0.3, 0.3), target=target, radius=0.5, shadow=False),
        )
        ground = Material((0.3, 0.3, 0.3), 0.8, 0.0 if plain else 0.2)
        scene = RenderScene(
            camera, tuple(instances), lights, (0.3,) * 3, (0.15,) * 3, ground, sky=Sky((0.1,) * 3, (0.3,) * 3),
            occlusion=0.0 if plain else 0.5,
        )  # fmt: skip
        out = renderer.render(scene, visibility=not plain)
        assert out.depth is not None and out.ids.any()

    return draw, renderer.device


MODEL = """<mujoco><visual><global offwidth="{w}" offheight="{h}"/><quality shadowsize="{s}" offsamples="0"/>
<headlight active="0"/><map znear="0.01" zfar="50"/></visual>
<asset><texture type="skybox" builtin="flat" rgb1="0.4 0.4 0.4" rgb2="0.4 0.4 0.4" width="32" height="32"/></asset>
<worldbody><geom type="plane" size="40 40 1" rgba="0.55 0.55 0.55 1"/>
<light pos="6 4 7" dir="0.4 -0.4 -0.8" diffuse="0.7 0.7 0.7" ambient="0.3 0.3 0.3" cutoff="60"/>
<light pos="8 -5 6" dir="0.1 0.5 -0.8" diffuse="0.3 0.3 0.3" castshadow="false" cutoff="60"/>
<camera name="eye" pos="0 0 {eye}" xyaxes="0 -1 0 {sin} 0 {cos}" fovy="{fovy}"/>{bodies}</worldbody></mujoco>"""


def mujoco_model(shadow_size: int):
    """The scene as a model, and a function that puts another one into it."""
    import mujoco

    kinds = {"cube": ("box", "1 1 1"), "sphere": ("sphere", "1"), "cylinder": ("cylinder", "1 1")}
    bodies = "".join(
        f'<body mocap="true" name="b{k}"><geom type="{kinds[n][0]}" size="{kinds[n][1]}"/></body>'
        for k, (n, *_) in enumerate(solids(0))
    )
    fovy = np.degrees(2 * np.arctan(HEIGHT / 2 / FOCAL))
    view = dict(w=WIDTH, h=HEIGHT, s=shadow_size, eye=EYE, sin=np.sin(PITCH), cos=np.cos(PITCH), fovy=fovy)
    model = mujoco.MjModel.from_xml_string(MODEL.format(bodies=bodies, **view))
    data = mujoco.MjData(model)

    def pose(seed: int) -> None:
        for k, (_, place, yaw, size, color) in enumerate(solids(seed)):
            data.mocap_pos[k] = place + [0, 0, size / 2]
            data.mocap_quat[k] = [np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)]
            model.geom_size[k + 1] = size / 2
            model.geom_rgba[k + 1, :3] = color
        model.light_pos[:] = lamps(seed)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)

    return model, data, pose


def mujoco_scene(shadow_size: int):
    """MuJoCo's own renderer class, as its users call it."""
    import mujoco

    model, data, pose = mujoco_model(shadow_size)
    renderer = mujoco.Renderer(model, HEIGHT, WIDTH)

    def draw(seed: int) -> None:
        pose(seed)
        renderer.update_scene(data, "eye")
        rgb = renderer.render()
        renderer.enable_depth_rendering()
        depth = renderer.render()
        renderer.disable_depth_rendering()
        renderer.enable_segmentation_rendering()
        ids = renderer.render()
        renderer.disable_segmentation_rendering()
        assert rgb.any() and depth.any() and ids.any()

    return draw


def mujoco_low_level(shadow_size: int):
    """The C calls underneath, with nothing drawn twice."""
    import mujoco

    model, data, pose = mujoco_model(shadow_size)
    gl = mujoco.GLContext(WIDTH, HEIGHT)
    gl.make_current()
    context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, context)
    scene = mujoco.MjvScene(model, 50)
    option, view, rect = mujoco.MjvOption(), mujoco.MjvCamera(), mujoco.MjrRect(0, 0, WIDTH, HEIGHT)
    view.type, view.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0
    rgb, ids = np.empty((HEIGHT, WIDTH, 3), np.uint8), np.empty((HEIGHT, WIDTH, 3), np.uint8)
    depth = np.empty((HEIGHT, WIDTH), np.float32)
    flag = mujoco.mjtRndFlag

    def draw(seed: int) -> None:
        pose(seed)
        mujoco.mjv_updateScene(model, data, option, None, view, mujoco.mjtCatBit.mjCAT_ALL, scene)
        scene.flags[flag.mjRND_SHADOW], scene.flags[flag.mjRND_REFLECTION] = 1, 0
        scene.flags[flag.mjRND_SEGMENT] = scene.flags[flag.mjRND_IDCOLOR] = 0
        mujoco.mjr_render(rect, scene, context)
        mujoco.mjr_readPixels(rgb, depth, rect, context)
        scene.flags[flag.mjRND_SHADOW] = 0
        scene.flags[flag.mjRND_SEGMENT] = scene.flags[flag.mjRND_IDCOLOR] = 1
        mujoco.mjr_render(rect, scene, context)
        mujoco.mjr_readPixels(ids, None, rect, context)
        assert ids.any()

    draw.keep_alive = gl  # type: ignore[attr-defined]
    return draw


def whole_frames(part: str):
    from sim2sg_core.domains import load_domain
    from sim2sg_core.synthesis.assets.registry import coarse_asset, load_asset
    from sim2sg_core.synthesis.synthesizer import Synthesizer

    name, width, height = FRAMES[part]
    synthesizer = Synthesizer(load_domain(name))
    for asset in sum(synthesizer.assets.values(), ()):
        load_asset(asset), coarse_asset(asset)

    def draw(seed: int) -> None:
        layout = synthesizer.sample(seed, size=(width, height))
        frame = synthesizer.frame(layout, seed)
        assert len(frame.jpeg()) > 100

    return draw, synthesizer.renderer(width, height).device


OURS = {"renderer": True, "renderer, full look": False}
MUJOCO = {"mujoco": mujoco_scene, "mujoco low-level": mujoco_low_level}

if __name__ == "__main__":
    main()
