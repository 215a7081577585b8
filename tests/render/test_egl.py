"""Contexts of processes, and the shaders that they share."""

import os
import subprocess
import sys

SCRIPT = """
import numpy as np
from sim2sg_core.render.egl import create_context
context = create_context()
program = context.compute_shader(
    "#version 430\\nlayout(local_size_x = 4) in; layout(std430, binding = 0) buffer B { float v[]; };"
    "void main() { v[gl_GlobalInvocationID.x] = sqrt(v[gl_GlobalInvocationID.x]); }"
)
buffer = context.buffer(np.array([4, 9, 16, 25], np.float32))
buffer.bind_to_storage_buffer(0)
program.run(1)
print(np.frombuffer(buffer.read(), np.float32).tolist())
"""


def run(home, **more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MESA_SHADER_CACHE")}
    environment |= {"XDG_CACHE_HOME": str(home), **more}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[2.0, 3.0, 4.0, 5.0]"
    return {path: path.stat().st_mtime_ns for path in (home / "sim2sg").rglob("*") if path.is_file()}


def test_processes_share_compiled_shaders_and_each_kind_of_cpu_has_its_own(tmp_path):
    kept = run(tmp_path)
    [kind] = (tmp_path / "sim2sg" / "shaders").iterdir()
    assert kept and run(tmp_path) == kept  # nothing is compiled again
    run(tmp_path, LP_NATIVE_VECTOR_WIDTH="128")
    assert len(list((tmp_path / "sim2sg" / "shaders").iterdir())) == 2
    assert {path for path in kept if kind in path.parents} == kept.keys()


def test_what_the_user_decides_holds(tmp_path):
    assert run(tmp_path, MESA_SHADER_CACHE_DISABLE="true") == {}
    assert run(tmp_path, MESA_SHADER_CACHE_DIR=str(tmp_path / "mine")) == {}
    assert any((tmp_path / "mine").rglob("*"))
