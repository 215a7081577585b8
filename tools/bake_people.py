"""Bakes the posed, dressed people that ship as sim2sg_core/packs/drive/assets/people.npz.

Needs `anny` (Apache-2.0 code, CC0 body data), `scikit-image`, `scipy` and `fast-simplification`; none of
them is needed at run time. A body is posed by linear blend skinning, made solid on a voxel grid, dressed
by growing the solid by each garment's thickness, and turned into one closed mesh by marching cubes.

Usage: python tools/bake_people.py OUT.npz
"""

from __future__ import annotations

import itertools
import sys

import anny
import fast_simplification
import numpy as np
import trimesh
from people_spec import PEDESTRIANS, RIDERS, Person, Pose
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

VOXEL = 0.009  # Metres.
PARTS = ("skin", "hair", "top", "bottom", "shoes", "bag")
SKIN, HAIR, TOP, BOTTOM, SHOES, BAG = range(6)
FACES, LOD_FACES = 1300, 300


def swing(forward: float, out: float) -> np.ndarray:
    """Unit direction of a hanging limb swung forward and sideways (+y), degrees; x forward, z up."""
    f, o = np.radians([forward, out])
    return np.array([np.sin(f) * np.cos(o), np.sin(o), -np.cos(f) * np.cos(o)])


def turn(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(3, 3) least rotation that takes direction a to b."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    v, c = np.cross(a, b), float(a @ b)
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + k + k @ k / (1 + c)


def axis_turn(axis: str, degrees: float) -> np.ndarray:
    """(3, 3) rotation about y (positive leans forwards) or z."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) if axis == "y" else np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def rotations(pose: Pose, head: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """World rotation of each steering bone; the others follow their parents."""
    spine = axis_turn("y", pose.lean)
    found = {
        "root": np.eye(3),
        "spine05": axis_turn("y", pose.lean * 0.6),
        "spine03": spine,
        "neck01": axis_turn("y", pose.lean * 0.5 + pose.head * 0.5),
        "head": axis_turn("z", pose.head_turn) @ axis_turn("y", pose.lean * 0.2 + pose.head),
    }
    for k, side in enumerate("LR"):
        sign = 1 if side == "L" else -1
        joints = [
            head[f"{b}.{side}"] for b in ("upperleg01", "lowerleg01", "foot", "upperarm01", "lowerarm01", "wrist")
        ]
        hip, knee, ankle, shoulder, elbow, wrist = joints
        flip = np.array([1, sign, 1])
        found[f"upperleg01.{side}"] = turn(knee - hip, swing(pose.thigh[k], pose.leg_out[k]) * flip)
        shin = pose.thigh[k] - pose.knee[k]
        found[f"lowerleg01.{side}"] = turn(ankle - knee, swing(shin, pose.leg_out[k] * 0.5) * flip)
        found[f"foot.{side}"] = axis_turn("z", sign * 6) @ axis_turn("y", -pose.foot[k])
        upper = spine @ swing(pose.arm[k] + pose.lean * 0.3, pose.arm_out[k]) * flip
        fore = spine @ swing(pose.arm[k] + pose.elbow[k] + pose.lean * 0.3, -pose.forearm_in[k]) * flip
        found[f"clavicle.{side}"] = spine
        found[f"upperarm01.{side}"] = turn(elbow - shoulder, upper)
        found[f"lowerarm01.{side}"] = turn(wrist - elbow, fore)
    return found


class Baker:
    """Poses and dresses anny's body."""

    def __init__(self) -> None:
        self.model = anny.create_fullbody_model()
        self.names = list(self.model.bone_labels)
        self.parents = [int(p) for p in self.model.bone_parents]
        self.faces = self.model.faces.numpy()
        self.weights = self.model.vertex_bone_weights.numpy()
        self.indices = self.model.vertex_bone_indices.numpy()

    def body(self, person: Person) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Returns posed vertices (V, 3), rest vertices (V, 3) and posed joints; x forward, y left, z up."""
        gender, age, weight, height = person.body
        rest = self.model(
            phenotype_kwargs=dict(gender=gender, age=age, muscle=0.5, weight=weight, height=height, proportions=0.5)
        )
        to_ours = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
        vertices = rest["rest_vertices"][0].numpy() @ to_ours.T
        heads = rest["rest_bone_heads"][0].numpy() @ to_ours.T
        steer = rotations(person.pose, dict(zip(self.names, heads, strict=True)))
        turns, places = [np.eye(3)] * len(heads), [heads[0]] * len(heads)
        for bone, parent in enumerate(self.parents):
            base = turns[parent] if parent >= 0 else np.eye(3)
            turns[bone] = steer.get(self.names[bone], base)
            if parent >= 0:
                places[bone] = places[parent] + base @ (heads[bone] - heads[parent])
        R, t = np.array(turns), np.array(places)
        t = t - np.einsum("bij,bj->bi", R, heads)
        posed = np.einsum("vk,vkij,vj->vi", self.weights, R[self.indices], vertices)
        posed += np.einsum("vk,vki->vi", self.weights, t[self.indices])
        return posed, vertices, dict(zip(self.names, np.array(places), strict=True))

    def labels(self, person: Person, rest: np.ndarray) -> np.ndarray:
        """(V,) part of every vertex, from its strongest bone and its place at rest."""
        bone = np.array(self.names)[np.take_along_axis(self.indices, self.weights.argmax(1)[:, None], 1)[:, 0]]
        low, high = rest[:, 2].min(), rest[:, 2].max()
        z = (rest[:, 2] - low) / (high - low)
        label = np.full(len(rest), TOP)
        is_ = lambda *starts: np.array([b.startswith(starts) for b in bone])  # noqa: E731
        legs = is_("upperleg", "lowerleg", "pelvis", "root")
        label[legs | (z < 0.54)] = BOTTOM
        arms = is_("upperarm", "lowerarm", "shoulder", "wrist", "finger", "metacarpal")
        label[arms] = TOP
        head = is_(
            "head", "jaw", "neck", "special", "oris", "levator", "eye", "orb", "temp", "oculi", "risor", "tongue"
        )
        crown = rest[head & (z > 0.9)]
        label[head | (z > 0.845)] = SKIN
        label[is_("neck01") & (z < 0.84)] = TOP
        middle, depth = crown[:, 0].mean(), np.ptp(crown[:, 0])
        back = (rest[:, 0] - middle) / depth
        label[head & ((z > 0.963) | ((z > 0.885) & (back < -0.05 + 2.5 * (z - 0.94))))] = HAIR
        if person.hair == "bald":
            label[label == HAIR] = SKIN
        label[is_("wrist", "finger", "metacarpal")] = SKIN
        if person.sleeves == "short":
            label[is_("lowerarm")] = SKIN
        if person.legs in ("skirt", "dress"):
            label[is_("lowerleg")] = SKIN
        if person.legs == "shorts":
            label[is_("lowerleg", "upperleg02") & (z < 0.31)] = SKIN
        if person.legs == "dress":
            label[label == BOTTOM] = TOP
        label[is_("foot", "toe")] = SHOES
        return label

    def bake(self, person: Person) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Returns vertices (V, 3), faces (F, 3), the part of each face (F,), and the (3,) middle of the hips."""
        posed, rest, joints = self.body(person)
        labels = self.labels(person, rest)
        triangles = np.concatenate([self.faces[:, [0, 1, 2]], self.faces[:, [0, 2, 3]]])
        points, face = trimesh.sample.sample_surface(trimesh.Trimesh(posed, triangles, process=False), 500_000, seed=1)
        low = posed.min(0) - 0.3
        shape = np.ceil((posed.max(0) + 0.3 - low) / VOXEL).astype(int)
        solid = np.zeros(shape, bool)
        solid[tuple(((points - low) / VOXEL).astype(int).T)] = True
        solid = ndimage.binary_fill_holes(ndimage.binary_closing(solid, iterations=2))
        distance = (ndimage.distance_transform_edt(~solid) - ndimage.distance_transform_edt(solid)) * VOXEL
        tree = cKDTree(points[::10])
        label_at = labels[triangles[face[::10], 0]]
        near = np.argwhere(np.abs(distance) < 0.07)
        centre = low + (near + 0.5) * VOXEL
        nearest = label_at[tree.query(centre)[1]]
        cloth = np.array([0.004, 0.022, person.thick, person.thick, 0.012, 0.0])
        rng = np.random.default_rng(person.seed + 7)
        noise = ndimage.gaussian_filter(rng.normal(size=shape // 4 + 1), 2.2)
        fold = ndimage.map_coordinates(noise, near.T / 4.0, order=1) / max(noise.std(), 1e-6) * 0.005
        garment = (nearest == TOP) | (nearest == BOTTOM)
        grow = np.zeros(shape)
        grow[tuple(near.T)] = cloth[nearest] + garment * fold
        part = np.zeros(shape, np.int8)
        part[tuple(near.T)] = nearest
        field_ = ndimage.gaussian_filter(distance - ndimage.gaussian_filter(grow, 1.5), 1.0)
        grid = low + (np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1) + 0.5) * VOXEL
        for value, extra in extras(person, joints, grid):
            part[extra < np.minimum(field_, 0.03)] = value
            field_ = smooth_min(field_, extra, 0.02)
        vertices, faces, _, _ = marching_cubes(-field_, 0.0)
        mesh = trimesh.Trimesh(vertices, faces)
        mesh = max(mesh.split(only_watertight=False), key=lambda m: len(m.faces))
        if mesh.volume < 0:
            mesh.invert()
        label = part[tuple(np.round(mesh.triangles_center).astype(int).T)]
        hips = (joints["upperleg01.L"] + joints["upperleg01.R"]) / 2
        return low + (mesh.vertices + 0.5) * VOXEL, np.array(mesh.faces), label, hips


def smooth_min(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """Polynomial smooth minimum with blend width k metres."""
    h = np.clip(0.5 + 0.5 * (b - a) / k, 0, 1)
    return b + (a - b) * h - k * h * (1 - h)


def ellipsoid(grid: np.ndarray, centre: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Approximate signed distance to an ellipsoid."""
    q = np.linalg.norm((grid - centre) / radii, axis=-1)
    return (q - 1) * float(np.min(radii))


def rounded_box(grid: np.ndarray, centre: np.ndarray, half: np.ndarray, radius: float = 0.03) -> np.ndarray:
    """Signed distance to a box with rounded edges."""
    q = np.abs(grid - centre) - (half - radius)
    return np.linalg.norm(np.maximum(q, 0), axis=-1) + np.minimum(q.max(-1), 0) - radius


def hanging(
    grid: np.ndarray, top: np.ndarray, reach: float, ends: list[np.ndarray], r0: float, r1: float
) -> np.ndarray:
    """A cloth that hangs from the hips, drawn towards both knees: a tapered sheet of elliptical sections."""
    drop = np.clip((top[2] - grid[..., 2]) / reach, 0, 1)
    goal = np.mean(ends, 0)
    spread = np.abs(ends[0][:2] - ends[1][:2]) / 2
    centre = top[:2] + drop[..., None] * (goal[:2] - top[:2]) * min(1.0, reach / 0.45)
    radius = np.array([r0 * 0.8, r0]) + drop[..., None] * (
        np.array([r1 * 0.8, r1]) + spread * 0.75 - np.array([r0 * 0.8, r0])
    )
    q = np.linalg.norm((grid[..., :2] - centre) / radius, axis=-1)
    side = (q - 1) * radius.min(-1)
    ends_z = np.maximum(grid[..., 2] - top[2], top[2] - reach - grid[..., 2])
    return np.maximum(side, ends_z)


def extras(person: Person, joints: dict[str, np.ndarray], grid: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Part and (X, Y, Z) signed distance of everything that is not body: skirts, coats, hair, bags."""
    scale = (joints["head"][2] - joints["foot.L"][2]) / 1.55
    hips = (joints["upperleg01.L"] + joints["upperleg01.R"]) / 2
    knees = [joints["lowerleg01.L"], joints["lowerleg01.R"]]
    head = joints["head"] + np.array([0.0, 0, 0.05]) * scale
    chest = joints["spine01"]
    found: list[tuple[int, np.ndarray]] = []
    if person.legs in ("skirt", "dress"):
        value = BOTTOM if person.legs == "skirt" else TOP
        found.append((value, hanging(grid, hips + [0, 0, 0.08], 0.52 * scale, knees, 0.175 * scale, 0.2 * scale)))
    if person.coat:
        found.append(
            (TOP, hanging(grid, hips + [0, 0, 0.12], (0.12 + person.coat) * scale, knees, 0.2 * scale, 0.21 * scale))
        )
    if person.hair == "long":
        found.append(
            (HAIR, ellipsoid(grid, head + np.array([-0.06, 0, -0.08]) * scale, np.array([0.075, 0.095, 0.19]) * scale))
        )
    if person.hair == "bun":
        found.append(
            (HAIR, ellipsoid(grid, head + np.array([-0.12, 0, 0.09]) * scale, np.array([0.055, 0.055, 0.055])))
        )
    if person.hair in ("cap", "helmet"):
        wide = 1.0 if person.hair == "cap" else 1.14
        dome = ellipsoid(grid, head + np.array([0.0, 0, 0.10]) * scale, np.array([0.118, 0.095, 0.10]) * wide * scale)
        found.append((HAIR, np.maximum(dome, head[2] + 0.075 * scale - grid[..., 2])))
        if person.hair == "cap":
            found.append(
                (HAIR, ellipsoid(grid, head + np.array([0.13, 0, 0.085]) * scale, np.array([0.06, 0.065, 0.014])))
            )
    back = axis_turn("y", person.pose.lean)
    if person.bag == "backpack":
        centre = chest + back @ np.array([-0.19, 0, -0.06]) * scale
        found.append(
            (BAG, rounded_box((grid - centre) @ back + centre, centre, np.array([0.085, 0.145, 0.21]) * scale, 0.05))
        )
    if person.bag == "handbag":
        found.append((BAG, rounded_box(grid, hips + np.array([-0.02, -0.25, 0.05]), np.array([0.14, 0.045, 0.11]))))
    if person.bag == "shopping":
        hand = joints["wrist.R"]
        found.append((BAG, rounded_box(grid, hand + np.array([0.02, -0.03, -0.32]), np.array([0.16, 0.06, 0.2]), 0.02)))
        found.append(
            (BAG, rounded_box(grid, hand + np.array([0.02, -0.03, -0.09]), np.array([0.03, 0.012, 0.09]), 0.01))
        )
    return found


def is_closed(faces: np.ndarray) -> bool:
    """Whether every directed edge has its reverse: closed and wound one way, though edges may meet four faces."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    there = np.unique(edges, axis=0, return_counts=True)
    back = np.unique(edges[:, ::-1], axis=0, return_counts=True)
    return all(np.array_equal(a, b) for a, b in zip(there, back, strict=True))


def simplify(
    vertices: np.ndarray, faces: np.ndarray, label: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decimates to about `count` faces, closed; each keeps the part of the nearest face of the mesh given.

    Decimation now and then opens a mesh or stops early: another target or less greed then helps.
    """
    best_v, best_f = vertices, faces
    for extra, greed in itertools.product(range(0, 160, 20), (7, 5, 3, 1)):
        v, f = fast_simplification.simplify(vertices.astype(np.float32), faces, target_count=count + extra, agg=greed)
        mesh = trimesh.Trimesh(v, f, process=True)
        f = np.asarray(mesh.faces)
        if is_closed(f) and mesh.volume > 0 and 0.8 * count < len(f) < len(best_f):
            best_v, best_f = np.array(mesh.vertices), f
        if len(best_f) < 1.3 * count:
            break
    else:
        raise RuntimeError(f"no closed mesh near {count} faces: {len(best_f)}")
    near = cKDTree(vertices[faces].mean(1)).query(best_v[best_f].mean(1), k=5)[1]
    votes = (label[near][..., None] == np.arange(len(PARTS))).sum(1)
    return best_v, best_f, votes.argmax(1)


def main(out: str) -> None:
    """Bakes everyone and writes one compressed file of quantised meshes."""
    baker = Baker()
    arrays: dict[str, np.ndarray] = {}
    for kind, people in (("pedestrian", PEDESTRIANS), ("rider", RIDERS)):
        for index, person in enumerate(people):
            vertices, faces, label, hips = baker.bake(person)
            floor = np.array([0, 0, vertices[:, 2].min()])
            arrays[f"{kind}_{index:02d}.h"] = (hips - floor).astype(np.float32)
            for suffix, count in (("", FACES), ("_lod", LOD_FACES)):
                v, f, part = simplify(vertices, faces, label, count)
                name = f"{kind}_{index:02d}{suffix}"
                arrays[f"{name}.v"] = np.round((v - floor) * 2000).astype(np.int16)
                arrays[f"{name}.f"] = f.astype(np.uint16)
                arrays[f"{name}.p"] = part.astype(np.uint8)
                print(name, len(f), np.ptp(v, axis=0).round(2), flush=True)
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
