"""Processes of a Ray cluster that train together: one actor each, begun anew from the checkpoint where one dies."""

from __future__ import annotations

import socket
import sys
import threading
import time
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util import placement_group, remove_placement_group
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from sim2sg_core.errors import Sim2SGError, first_line
from sim2sg_core.fleet.fleet import Gang, Place, Tell

RESTARTS = 3
LOOK_EVERY_S = 0.5
NOTICED_AFTER_S = 3.0
PLACED_WITHIN_S = 300.0  # other work of the cluster may have to end first


def run_gang(work: Gang, count: int, gpus: bool, tell: Tell | None) -> None:
    """Has `count` processes do a work; see `Fleet.gang`."""
    told = _Told(tell)
    if (there := _there(gpus)) < count:
        raise Sim2SGError(
            f"--ranks {count}: the cluster has {there} {'GPU' if gpus else 'CPU'}s: give fewer, or add nodes"
        )
    for attempt in range(RESTARTS + 1):
        try:
            _attempt(work, count, gpus, told)
            return
        except RayTaskError:
            raise  # A fault of ours: the stack trace says where.
        except RayError as error:  # Of a process that Ray ended for want of memory it is no RayActorError.
            if attempt == RESTARTS:
                raise Sim2SGError(
                    f"a training process died {RESTARTS + 1} times ({first_line(error)}): run the same command again,"
                    " it goes on from the last checkpoint; give the nodes more memory"
                ) from None
            time.sleep(NOTICED_AFTER_S)  # Only then the cluster counts what it has lost.
            count = max(1, min(count, _there(gpus)))
            print(f"note: a training process died; {count} go on from the last checkpoint", file=sys.stderr, flush=True)


def _attempt(work: Gang, count: int, gpus: bool, told: _Told) -> None:
    """Starts the processes and waits for all of them. Raises RayError when one dies."""
    group = _placed(count, gpus)
    members: list[Any] = []
    try:
        for index in range(count):
            place = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=index)
            options = {"num_cpus": 1, "num_gpus": 1 if gpus else 0, "max_concurrency": 2, "scheduling_strategy": place}
            members.append(ray.remote(_Member).options(**options).remote())
        host, port = ray.get(members[0].address.remote())
        shared = ray.put(work)
        runs = [member.run.remote(shared, Place(k, count, host, port)) for k, member in enumerate(members)]
        while runs:
            done, runs = ray.wait(runs, timeout=LOOK_EVERY_S)
            for error in ray.get(done):
                if error is not None:
                    raise error
            told.sum(*ray.get(members[0].done.remote()))
    finally:
        for member in members:
            ray.kill(member)
        remove_placement_group(group)


def _placed(count: int, gpus: bool) -> PlacementGroup:
    """Reserves places for all processes at once. Raises Sim2SGError when none become free."""
    kind, bundle = ("GPU", {"CPU": 1, "GPU": 1}) if gpus else ("CPU", {"CPU": 1})
    group = placement_group([bundle] * count, strategy="PACK")
    if not group.wait(PLACED_WITHIN_S):
        remove_placement_group(group)
        raise Sim2SGError(
            f"--ranks {count}: no {count} {kind}s became free within {PLACED_WITHIN_S:.0f} s: wait for other work of"
            " the cluster, or give fewer"
        )
    return group


def _there(gpus: bool) -> int:
    """Returns how many processes the cluster has room for when nothing else is at work."""
    return int(ray.cluster_resources().get("GPU" if gpus else "CPU", 0))


class _Told:
    """Tells the progress of all attempts as if there had been one."""

    def __init__(self, tell: Tell | None) -> None:
        self._tell, self._steps = tell, 0

    def sum(self, steps: int, resumed: int, info: dict[str, Any]) -> None:
        """Takes the first process's steps in all, and how many of them an earlier start did."""
        if self._tell is None or steps <= self._steps:
            return
        if resumed > self._steps:
            self._tell(resumed - self._steps, resumed=True)
            self._steps = resumed
        if steps > self._steps:
            self._tell(steps - self._steps, **info)
            self._steps = steps


class _Member:
    """One process of a gang."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps, self._resumed = 0, 0
        self._info: dict[str, Any] = {}

    def address(self) -> tuple[str, int]:
        """Returns this node's address and a port that is free now."""
        host = ray.util.get_node_ip_address()
        with socket.socket() as probe:
            probe.bind((host, 0))
            return host, probe.getsockname()[1]

    def run(self, work: Gang, place: Place) -> Sim2SGError | OSError | None:
        """Does its part. Returns what went wrong: raised here, it would come wrapped in a stack trace."""
        try:
            work.run(place, self._note)
        except (Sim2SGError, OSError) as error:
            return error
        return None

    def done(self) -> tuple[int, int, dict[str, Any]]:
        """Returns the steps so far, how many of them an earlier start did, and what else was told."""
        with self._lock:
            return self._steps, self._resumed, dict(self._info)

    def _note(self, n: int, resumed: bool = False, **info: Any) -> None:
        with self._lock:
            self._steps += n
            self._resumed += n if resumed else 0
            self._info |= info
