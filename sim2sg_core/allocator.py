"""Settings of the memory allocator for processes that allocate the same large blocks again and again.

By default glibc takes large blocks (images, the tensors of a training step) from the kernel one by one and gives them
back at once. Each time they are mapped, and filled with zeros page by page.
"""

from __future__ import annotations

import ctypes
import os

# Options of mallopt(3), from malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8
_MIB = 1 << 20


def keep_freed_blocks(mib: int = 256, arenas: int | None = None) -> bool:
    """Lets malloc keep and reuse blocks of up to 256 MiB.

    Args:
        mib: How much freed memory it keeps at the end of the heap, MiB, less than 2048.
        arenas: Most arenas; None for glibc's own number. Threads that load models would each keep an arena, which after
            a few reloads doubles the memory.

    Returns:
        Whether the C library took it (glibc).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False  # Not glibc: nothing to do.
    if arenas is not None:
        mallopt(_M_ARENA_MAX, arenas)
    # Older glibc accepts at most 32 MiB and refuses more.
    mapped = mallopt(_M_MMAP_THRESHOLD, 256 * _MIB) or mallopt(_M_MMAP_THRESHOLD, 32 * _MIB)
    kept = mallopt(_M_TRIM_THRESHOLD, mib * _MIB) and mallopt(_M_TOP_PAD, 16 * _MIB)
    return bool(mapped and kept)


def prepare_training() -> None:
    """Keeps the memory of a training step for the next one, in huge pages where Linux gives them on request.

    To be called before torch is imported, which reads its setting once.
    """
    keep_freed_blocks(mib=2047)
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def trim_memory() -> bool:
    """Gives memory that was freed back to the system. Returns whether there was any (glibc)."""
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError):
        return False  # Not glibc: nothing to do.
