"""Which CPUs 8-bit weights fit, by the text of their /proc/cpuinfo."""

from __future__ import annotations

import pytest

from sim2sg_core.runtime.cpu import misfit, saturates
from sim2sg_core.runtime.providers import open_session
from tests.runtime.constant_model import empty_outputs

CPUINFO = "processor\t: 0\nmodel name\t: avx_vnni\nflags\t\t: {}\n\nprocessor\t: 1\n"


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "expected"),
    [
        ("x86_64", CPUINFO.format("fpu avx2"), True),
        ("x86_64", CPUINFO.format("fpu avx2 avx512f"), True),
        ("x86_64", CPUINFO.format("fpu avx2 avx512f avx512_vnni"), False),
        ("AMD64", CPUINFO.format("avx_vnni"), False),
        ("x86_64", CPUINFO.format("not_avx_vnni"), True),
        ("x86_64", "", None),
        ("x86_64", CPUINFO.format(""), None),
        ("aarch64", "Features\t: fp asimd\n", False),
        ("arm64", "", False),
        ("riscv64", "isa\t: rv64imafdc\n", None),
    ],
)
def test_which_cpus_saturate(machine, cpuinfo, expected):
    assert saturates(machine, cpuinfo) is expected


@pytest.mark.parametrize("weight_bits", [7, 8, 32])
@pytest.mark.parametrize("saturating", [True, False, None])
def test_8_bit_weights_do_not_fit_where_they_saturate(weight_bits, saturating):
    line = misfit(weight_bits, saturating)
    if weight_bits == 8 and saturating:
        assert "8-bit weights, but this CPU has no VNNI" in line and "without --weights 8" in line and "\n" not in line
    else:
        assert line is None


def test_exact_kernels_are_asked_for_where_the_fast_ones_may_saturate(make_model):
    session, _ = open_session(make_model(empty_outputs(2, 1)), "cpu")
    options = session.get_session_options()
    if saturates() is False:
        with pytest.raises(RuntimeError):
            options.get_session_config_entry("session.x64quantprecision")
    else:
        assert options.get_session_config_entry("session.x64quantprecision") == "1"
