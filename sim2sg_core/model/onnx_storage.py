"""Weights of an ONNX file in half precision: half the bytes, for files that ship. They are computed with as before.

Each large weight is stored as float16 behind a Cast to float32, which onnxruntime does once, when it loads the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LEAST = 256
"""Values from which a weight is worth a node."""
SUFFIX = "_half"


def halve_weights(model: Any) -> None:
    """Stores the weights of an onnx.ModelProto in half precision. What does not fit into it is rounded."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type == TensorProto.FLOAT and values.size >= LEAST and np.abs(values).max() < np.finfo("f2").max:
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + SUFFIX))
            casts.append(helper.make_node("Cast", [name + SUFFIX], [name], name=name + "_cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def widen_weights(model: Any) -> None:
    """Undoes `halve_weights`, for tools that want to see weights: they are float32 again, still rounded."""
    from onnx import numpy_helper

    stored = {weight.name: weight for weight in model.graph.initializer}
    kept = []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] == node.output[0] + SUFFIX and node.input[0] in stored:
            weight = stored[node.input[0]]
            values = numpy_helper.to_array(weight).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(values, node.output[0]))
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
