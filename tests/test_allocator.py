"""The memory allocator's settings."""

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_malloc_keeps_image_buffers() -> None:
    # In a process of its own: the setting is for good. A freed block must be handed out again, at the
    # same address, where mmap would give it back to the kernel.
    code = """
import ctypes
from sim2sg_core.allocator import keep_freed_blocks

assert keep_freed_blocks(arenas=1)
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.sbrk.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
block = libc.malloc(20 << 20)
assert block < libc.sbrk(0), "mapped, not on the heap"
libc.free(block)
assert libc.malloc(20 << 20) == block
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=180)
