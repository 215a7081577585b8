"""Opens the fleet that a user asks for; only then Ray is imported."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sim2sg_core.fleet.fleet import ONE_MACHINE, Fleet


@contextlib.contextmanager
def opened(address: str | None, cores: int = 0) -> Iterator[Fleet]:
    """Opens the fleet that a user asks for.

    Args:
        address: None for this machine without Ray; "local" for a Ray that is started here and ended with the block;
            else the address of a cluster, as `ray.init` takes it ("auto", "10.0.0.1:6379").
        cores: Of a local Ray; 0 takes all.

    Raises:
        ModuleNotFoundError: Ray is not installed.
        Sim2SGError: No cluster at that address.
    """
    if address is None:
        yield ONE_MACHINE
        return
    from sim2sg_core.fleet.ray_fleet import connected

    with connected(address, cores) as fleet:
        yield fleet
