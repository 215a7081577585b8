"""Headless OpenGL contexts, through EGL."""

from __future__ import annotations

import os
from typing import Any

import moderngl

from sim2sg_core.errors import Sim2SGError

EGL: dict[str, Any] = {"backend": "egl", "libegl": "libEGL.so.1", "libgl": "libGL.so.1"}
SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software")


def create_context() -> moderngl.Context:
    """Opens EGL. Raises Sim2SGError with what to install when that fails."""
    # Mesa's shader cache is not keyed by the width of the CPU's vectors: a foreign one corrupts the heap.
    os.environ.setdefault("MESA_SHADER_CACHE_DISABLE", "true")
    try:
        return moderngl.create_context(require=430, standalone=True, **EGL)
    except Exception as error:  # glcontext raises bare Exception
        raise Sim2SGError(
            f"no OpenGL 4.3 through EGL ({error}): install it, e.g. apt install libegl1 libgl1 libgl1-mesa-dri"
        ) from error


def is_software(device: str) -> bool:
    """Whether a driver of this name (GL_RENDERER) draws on the CPU."""
    return any(word in device.lower() for word in SOFTWARE)
