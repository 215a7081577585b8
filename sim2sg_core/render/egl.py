"""Headless OpenGL contexts, through EGL."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import moderngl

from sim2sg_core.cores import cpu_flags
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import user_cache

EGL: dict[str, Any] = {"backend": "egl", "libegl": "libEGL.so.1", "libgl": "libGL.so.1"}
SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software")


def create_context() -> moderngl.Context:
    """Opens EGL. Raises Sim2SGError with what to install when that fails."""
    _keep_shaders()
    try:
        return moderngl.create_context(require=430, standalone=True, **EGL)
    except Exception as error:  # glcontext raises bare Exception
        raise Sim2SGError(
            f"no OpenGL 4.3 through EGL ({error}): install it, e.g. apt install libegl1 libgl1 libgl1-mesa-dri"
        ) from error


def is_software(device: str) -> bool:
    """Whether a driver of this name (GL_RENDERER) draws on the CPU."""
    return any(word in device.lower() for word in SOFTWARE)


def _keep_shaders() -> None:
    """Lets Mesa keep the shaders that it compiled, where nobody has decided otherwise: that saves seconds per process.

    Mesa does not tell kinds of CPU apart: machine code from the cache of another one corrupts memory. So each kind has
    a cache of its own, also where machines share a home folder.
    """
    if "MESA_SHADER_CACHE_DISABLE" in os.environ or "MESA_SHADER_CACHE_DIR" in os.environ:
        return
    if (folder := _shader_folder()) is not None:
        os.environ["MESA_SHADER_CACHE_DIR"] = str(folder)
    else:
        os.environ["MESA_SHADER_CACHE_DISABLE"] = "true"


def _shader_folder() -> Path | None:
    """Makes the folder for shaders of this kind of CPU; None where the kind is not known, or it cannot be made."""
    flags = cpu_flags()
    if not flags:
        return None
    kind = " ".join([*sorted(flags), os.environ.get("LP_NATIVE_VECTOR_WIDTH", "")])
    try:
        folder = user_cache("shaders") / hashlib.sha256(kind.encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)  # Mesa makes the last folder of a path alone
    except (OSError, RuntimeError):  # it cannot be written, or the user has no home
        return None
    return folder
