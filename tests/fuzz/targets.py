"""All readers that are fuzzed, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.fuzz.domain_targets import domain_json, domain_yaml
from tests.fuzz.label_targets import clevr, coco, frames, graphs, kitti
from tests.fuzz.log_targets import bag, camera_info, depth, image
from tests.fuzz.mesh_targets import obj, of_mesh
from tests.fuzz.model_targets import checkpoint, metadata, onnx_bytes
from tests.fuzz.target import Target

TARGETS: dict[str, Callable[[Path], Target]] = {
    "graphs": graphs,
    "coco": coco,
    "clevr": clevr,
    "kitti": kitti,
    "frames": frames,
    "domain-yaml": domain_yaml,
    "domain-json": domain_json,
    "metadata": metadata,
    "onnx": onnx_bytes,
    "checkpoint": checkpoint,
    "obj": obj,
    "glb": of_mesh("glb"),
    "ply": of_mesh("ply"),
    "stl": of_mesh("stl"),
    "camera-info": camera_info,
    "image": image,
    "depth": depth,
    "bag": bag,
}
