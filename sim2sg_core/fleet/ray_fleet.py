"""A Ray cluster as a fleet: tasks of Ray Core, a bounded number in flight, done again where a worker dies."""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sim2sg_core.cores import usable_cores
from sim2sg_core.errors import Sim2SGError, first_line, printable
from sim2sg_core.fleet.fleet import Fleet, Gang, Tell
from sim2sg_core.fleet.pool import Item, Pool, Result, Work, windowed
from sim2sg_core.fleet.ray_gang import run_gang
from sim2sg_core.fleet.ray_worker import Done, Worker, do_item

logger = logging.getLogger(__name__)

AHEAD = 2  # tasks for each core of the cluster, so that none waits for the driver
STARTS = 3  # of a local Ray, where it takes too long
RETRIES = 3  # of a task whose worker or node dies
STORE_BYTES = 200 << 20  # of a local Ray's object store: only descriptions, graphs and labels pass through it
ANSWERS_WITHIN_S = 10.0
SEEN_WITHIN_S = 60.0  # a file that the driver writes, on every node
PROBE = ".fleet-probe"


@contextlib.contextmanager
def connected(address: str, cores: int = 0) -> Iterator[Fleet]:
    """Connects to a cluster, or starts one here; see `fleet.opened`."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # A Ray of ours tells nobody of itself.
    os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")
    handler = signal.getsignal(signal.SIGTERM)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address == "local":
            _start(num_cpus=cores or usable_cores(), include_dashboard=False, object_store_memory=STORE_BYTES, **quiet)
        else:
            _answers(address)
            ray.init(address=address, **quiet)
    except Exception as error:  # Ray raises anything, Exception itself among it
        raise Sim2SGError(
            f"--ray {printable(address)}: no Ray cluster can be used there ({first_line(error)}): start one with"
            " `ray start --head`, give its address, or take --ray local"
        ) from None
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray's own would end this process without a word.
    try:
        yield RayFleet()
    finally:
        ray.shutdown()


def _start(**options: Any) -> None:
    """Starts a Ray here. On a busy machine it may not come up within the half minute that Ray gives it."""
    for attempt in range(STARTS):
        try:
            ray.init(**options)
            return
        except Exception as error:
            ray.shutdown()
            if attempt + 1 == STARTS or "timed out" not in str(error):
                raise


def _answers(address: str) -> None:
    """Raises OSError where nobody listens at a host and port: Ray would end this process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), ANSWERS_WITHIN_S).close()


class RayFleet(Fleet):
    """The cluster that this process is connected to: a worker for each core."""

    threads = 1

    def pool(self, plain: Pool, gpus: bool = False) -> Pool:
        """See `Fleet`: the cluster, whatever would do it here."""
        if gpus and not _count("GPU"):
            raise Sim2SGError("the Ray cluster has no GPU: infer on CPUs (--provider cpu), or add a node with a GPU")
        return RayPool(gpus)

    def gang(self, work: Gang, count: int, gpus: bool, tell: Tell | None) -> None:
        """See `Fleet`: one actor for each process; a single one is this process, which has all cores of its machine."""
        if count == 1:
            work.run(None, tell)
        else:
            run_gang(work, count, gpus, tell)

    def check(self, folder: Path | None) -> None:
        """See `Fleet`: writes a file, and has it read on every node."""
        probe, token = folder / PROBE if folder else None, uuid.uuid4().hex
        if probe:
            probe.write_text(token)
        try:
            looks = {
                node["NodeManagerHostname"] or node["NodeID"]: _on(node["NodeID"]).remote(
                    str(probe) if probe else None, token, SEEN_WITHIN_S / 2
                )
                for node in ray.nodes()
                if node["Alive"]
            }
            for name, look in looks.items():
                _judge(str(name), folder, look)
        finally:
            if probe:
                probe.unlink(missing_ok=True)
        if not ray.cluster_resources().get("CPU"):
            logger.warning(
                "the Ray cluster has no CPU: all tasks wait until a node with some joins it (`ray start --address …`)"
            )


def _on(node: str) -> Any:
    place = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(_look).options(num_cpus=0, scheduling_strategy=place)


def _look(path: str | None, token: str, patience_s: float) -> tuple[bool, str]:
    """Says in a worker whether it sees the file, where there is one, and which version it is of."""
    if path is None:
        return True, _version()
    deadline = time.monotonic() + patience_s  # A shared folder may take a moment.
    while True:
        with contextlib.suppress(OSError):
            if Path(path).read_text() == token:
                return True, _version()
        if time.monotonic() > deadline:
            return False, _version()
        time.sleep(0.2)


def _judge(node: str, folder: Path | None, look: Any) -> None:
    """Raises Sim2SGError when a node cannot take part."""
    node = printable(node)
    try:
        seen, version = ray.get(look, timeout=SEEN_WITHIN_S)
    except GetTimeoutError:
        raise Sim2SGError(
            f"node {node}: {f'reading {folder}' if folder else 'an answer'} takes over {SEEN_WITHIN_S:.0f} s: the store"
            " is too slow, or the node hangs"
        ) from None
    except RayError as error:
        raise Sim2SGError(
            f"node {node}: cannot run sim2sg ({first_line(error)}): install sim2sg {_version()} and ray on it"
        ) from None
    if not seen:
        raise Sim2SGError(
            f"node {node}: does not see {folder}: --out must lie in a folder that all nodes mount at the same path"
        )
    if version != _version():
        raise Sim2SGError(f"node {node}: has sim2sg {version}, here is {_version()}: install the same")


def _version() -> str:
    # Imported by its name: the package itself imports layers above this one.
    return str(importlib.import_module("sim2sg_core").__version__)


class RayPool(Pool):
    """Tasks on all nodes of the cluster, a core or a GPU for each."""

    def __init__(self, gpus: bool = False) -> None:
        self._gpus = gpus

    def map(self, work: Work[Item, Result], items: Iterable[Item], *, ordered: bool = True) -> Iterator[Result]:
        """See `Pool`. A task whose worker or node dies is done again by another, `RETRIES` times."""
        key, shared = uuid.uuid4().hex, [ray.put(work)]  # In a list, so that tasks get it only where it is not open.
        workers = _GpuWorkers(_count("GPU")) if self._gpus else _CoreWorkers()

        ahead = max(2, AHEAD * _count("GPU" if self._gpus else "CPU"))
        try:
            for done in windowed(functools.partial(workers.submit, key, shared), items, ahead, ordered):
                yield _taken(done)
        except RayTaskError:
            raise  # A fault of ours: the stack trace says where.
        except RayError as error:
            raise Sim2SGError(
                f"a worker of the cluster died {RETRIES + 1} times at the same task ({first_line(error)}): run the"
                " same command again, it goes on where it was; give the nodes more memory, or Ray fewer cores of each"
            ) from None
        finally:
            # Where an error has ended the fleet before this, `end` would start another Ray.
            if ray.is_initialized():
                workers.end()


class _CoreWorkers:
    """Tasks, wherever a core is free."""

    def __init__(self) -> None:
        self._task = ray.remote(do_item).options(num_cpus=1, max_retries=RETRIES, scheduling_strategy="SPREAD")
        self._pending: dict[Future[Done], Any] = {}

    def submit(self, key: str, shared: list[Any], item: Any) -> Future[Done]:
        """Hands an item to a worker."""
        ref = self._task.remote(key, shared, item)
        future: Future[Done] = ref.future()
        self._pending[future] = ref
        future.add_done_callback(lambda done: self._pending.pop(done, None))
        return future

    def end(self) -> None:
        """Cancels what is not done."""
        for ref in list(self._pending.values()):
            ray.cancel(ref)


class _GpuWorkers:
    """An actor for each GPU. A process that does tasks may be given another GPU than the one that its model is on."""

    def __init__(self, count: int) -> None:
        actor = ray.remote(Worker).options(
            num_cpus=1, num_gpus=1, max_restarts=RETRIES, max_task_retries=RETRIES, scheduling_strategy="SPREAD"
        )
        self._actors = [actor.remote() for _ in range(count)]
        self._waiting = [0] * count
        self._lock = threading.Lock()

    def submit(self, key: str, shared: list[Any], item: Any) -> Future[Done]:
        """Hands an item to the worker that has fewest."""
        with self._lock:
            k = self._waiting.index(min(self._waiting))
            self._waiting[k] += 1
        future: Future[Done] = self._actors[k].do.remote(key, shared, item).future()
        future.add_done_callback(lambda _: self._done(k))
        return future

    def _done(self, k: int) -> None:
        with self._lock:
            self._waiting[k] -= 1

    def end(self) -> None:
        """Ends the workers."""
        for actor in self._actors:
            ray.kill(actor)


def _count(kind: str) -> int:
    """Returns how many of a kind, "CPU" or "GPU", the cluster has."""
    return int(ray.cluster_resources().get(kind, 0))


def _taken(done: Done) -> Any:
    for name, level, text in done.warnings:
        logging.getLogger(name).log(level, "%s", text)
    if done.error is not None:
        raise done.error
    return done.value
