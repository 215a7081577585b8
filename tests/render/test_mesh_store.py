"""The buffers that hold all meshes."""

import numpy as np

from sim2sg_core.render.mesh_store import INSTANCE_FLOATS, MeshStore
from sim2sg_core.synthesis.assets.registry import load_asset


def test_buffers_that_are_replaced_are_freed(renderer):
    """moderngl frees nothing by itself: thousands of frames with grounds of their own would fill the memory."""
    with renderer.context:
        store = MeshStore(renderer.context, vertices=64)
        small, before = store.instances, (store.vertices, store.indices)
        store.add([load_asset("cube"), load_asset("sphere")])
        assert store.capacity > 64 and all(released(buffer) for buffer in before)
        store.write_instances(np.zeros((300, INSTANCE_FLOATS), np.float32))
        assert released(small) and not any(map(released, (store.vertices, store.indices, store.instances)))


def released(buffer) -> bool:
    return type(buffer.mglo).__name__ == "InvalidObject"
