"""A small real ONNX model in our interface whose outputs are known constants."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sim2sg_core.domains import load_domain
from sim2sg_core.runtime.preprocessing import NetworkInput

WIDTH, HEIGHT, FOCAL_REF = 320, 240, 400.0
INPUT = NetworkInput(WIDTH, HEIGHT, (WIDTH / 2, HEIGHT / 2))

OUTPUT_TYPES = {
    "boxes": np.float32,
    "scores": np.float32,
    "classes": np.int64,
    "centres": np.float32,
    "depths": np.float32,
    "depth_stds": np.float32,
    "sizes": np.float32,
    "alphas": np.float32,
    "pairs": np.int64,
    "relations": np.float32,
}


def empty_outputs(k: int, r: int, predicates: int = 2) -> dict[str, np.ndarray]:
    """Outputs of an image in which the network sees nothing: all padding."""
    shapes = {
        "boxes": (k, 4),
        "centres": (k, 2),
        "sizes": (k, 3),
        "pairs": (r, 2),
        "relations": (r, predicates),
    }
    outputs = {name: np.zeros(shapes.get(name, (k,)), dtype) for name, dtype in OUTPUT_TYPES.items()}
    outputs["depths"] += 1
    outputs["depth_stds"] += 0.1
    outputs["sizes"] += 1
    return outputs


def write_model(path: Path, outputs: dict[str, np.ndarray], *, echo: bool = False, **metadata: str | None) -> Path:
    """Writes a model that gives the same outputs for every image of a batch.

    Args:
        path: Where to.
        outputs: Name -> array without the batch axis.
        echo: `sizes` become the mean red, green and blue of the network's input instead.
        **metadata: Replaces values of the metadata; None leaves the key out.
    """
    nodes = [
        helper.make_node("Shape", ["image"], ["shape"]),
        helper.make_node("Slice", ["shape", "zero", "one"], ["batch"]),
    ]
    values = [
        numpy_helper.from_array(np.array([0], np.int64), "zero"),
        numpy_helper.from_array(np.array([1], np.int64), "one"),
    ]
    results = []
    for name, array in outputs.items():
        array = np.asarray(array, OUTPUT_TYPES.get(name, np.float32))
        rest = numpy_helper.from_array(np.array(array.shape, np.int64), f"{name}_rest")
        values += [numpy_helper.from_array(array[None], f"{name}_value"), rest]
        source = f"{name}_value"
        if echo and name == "sizes":
            source = "mean_colour"
            values.append(numpy_helper.from_array(np.array([1, 2], np.int64), "spatial"))
            nodes += [
                helper.make_node("Cast", ["image"], ["float_image"], to=TensorProto.FLOAT),
                helper.make_node("ReduceMean", ["float_image", "spatial"], ["mean_4d"], keepdims=1),
                helper.make_node("Squeeze", ["mean_4d", "one"], [source]),
            ]
        nodes += [
            helper.make_node("Concat", ["batch", f"{name}_rest"], [f"{name}_shape"], axis=0),
            helper.make_node("Expand", [source, f"{name}_shape"], [name]),
        ]
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        results.append(helper.make_tensor_value_info(name, kind, ["batch", *array.shape]))
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", HEIGHT, WIDTH, 3])
    graph = helper.make_graph(nodes, "constants", [image], results, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    domain = load_domain("clevr")
    properties: dict[str, str | None] = {
        "sim2sg_format": "1",
        "model_id": "constants",
        "domain": json.dumps(domain.to_json()),
        "classes": json.dumps(domain.class_names),
        "predicates": json.dumps(domain.predicate_names),
        "inverses": json.dumps(domain.inverses()),
        "input_width": str(WIDTH),
        "input_height": str(HEIGHT),
        "max_objects": str(len(outputs.get("scores", ()))),
        "focal_ref": str(FOCAL_REF),
        "principal": json.dumps(INPUT.principal),
        "camera": "null",
        "calibrated": "true",
        "box": domain.box,
        **metadata,
    }
    helper.set_model_props(model, {k: v for k, v in properties.items() if v is not None})
    onnx.save(model, path)
    return path
