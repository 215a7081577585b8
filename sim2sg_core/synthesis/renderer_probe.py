"""Whether this machine can render, found out in a process of its own: a context in this one would outlive the look."""

from __future__ import annotations

import subprocess
import sys

from sim2sg_core.errors import Sim2SGError

PATIENCE_S = 60.0
SCRIPT = """
from sim2sg_core.render.egl import create_context
context = create_context()
print(context.info["GL_RENDERER"])
context.release()
"""


def probe_renderer() -> str:
    """Returns the name of what renders (GL_RENDERER).

    Raises:
        Sim2SGError: Nothing can, with what to install.
        ModuleNotFoundError: moderngl is not installed.
    """
    try:
        done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise Sim2SGError(
            f"no OpenGL through EGL within {PATIENCE_S:.0f} s: check the GPU's driver with `eglinfo`"
        ) from None
    if done.returncode == 0:
        return done.stdout.strip()
    lines = done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"]
    if lines[-1].startswith("ModuleNotFoundError"):
        raise ModuleNotFoundError(lines[-1], name="moderngl")
    raise Sim2SGError(next((line.partition(": ")[2] for line in reversed(lines) if "Sim2SGError: " in line), lines[-1]))
