"""Work over many items and machines: pools of workers, on this machine or on a Ray cluster."""

from sim2sg_core.fleet.fleet import ONE_MACHINE, Fleet, Gang, Place, Tell
from sim2sg_core.fleet.loaded import Loaded, chunked
from sim2sg_core.fleet.opening import opened
from sim2sg_core.fleet.pool import Inline, Pool, Work
from sim2sg_core.fleet.processes import Processes

__all__ = [
    "ONE_MACHINE",
    "Fleet",
    "Gang",
    "Inline",
    "Loaded",
    "Place",
    "Pool",
    "Processes",
    "Tell",
    "Work",
    "chunked",
    "opened",
]
