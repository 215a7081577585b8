"""Whether onnxruntime's 8-bit kernels saturate on a CPU, and whether a model fits it.

On x86 the fast kernels add two products of an unsigned and a signed byte in 16 bits, which saturates with 8-bit
weights. CPUs with VNNI add in 32 bits, as ARM's do. 7-bit weights are exact on all: 2 * 255 * 64 < 2^15.
"""

from __future__ import annotations

import platform

from sim2sg_core.cores import cpu_flags

X86 = ("x86_64", "amd64", "i386", "i686")
ARM = ("aarch64", "arm64")
VNNI = ("avx512_vnni", "avx_vnni")
"""Flags of x86 CPUs with VNNI, as Linux names them."""


def saturates(machine: str | None = None, cpuinfo: str | None = None) -> bool | None:
    """Whether the fast 8-bit kernels saturate on a CPU: on x86 without VNNI; None where that cannot be told.

    Args:
        machine: Its architecture, as of `platform.machine`; None for this one.
        cpuinfo: The text of its /proc/cpuinfo; None for this one's.
    """
    machine = (machine or platform.machine()).lower()
    if machine in ARM:
        return False
    if machine not in X86:
        return None
    flags = cpu_flags(cpuinfo)
    return flags.isdisjoint(VNNI) if flags else None


def misfit(weight_bits: int, saturating: bool | None) -> str | None:
    """Returns in one line why a model does not fit a CPU, and the fix; None when it fits.

    Args:
        weight_bits: Of the model.
        saturating: What `saturates` says of the CPU.
    """
    if weight_bits != 8 or not saturating:
        return None
    return (
        "quantised with 8-bit weights, but this CPU has no VNNI: kernels that do not saturate keep the results right,"
        " and are SLOWER; quantise the float model again without --weights 8"
    )
