"""A real Ray cluster of two nodes on this machine, shared by all tests of the fleet."""

from __future__ import annotations

import contextlib
import os
import socket
import time

import pytest

from tests.fleet.workers import MARK
from tests.learning.conftest import domain, folder, records

ATTEMPTS = 3  # on a busy machine a node may not come up within the half minute that Ray gives it
GONE_WITHIN = 180.0  # seconds
name, _, value = MARK.partition("=")
os.environ[name] = value
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_agent_register_timeout_ms"] = "240000"  # noqa: SIM112 (Ray's own spelling)


def node() -> dict[str, object]:
    """Returns what a node is started with. With ports of its own it does not wait for files that name them."""
    names = ("metrics_agent_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
    return {"num_cpus": 1, "object_store_memory": 100 << 20, **{name: free_port() for name in names}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def cluster():
    """Two nodes of one core each; the driver's is the head."""
    pytest.importorskip("ray", reason="not installed: ray (pip install 'sim2sg[fleet]')")
    from ray.cluster_utils import Cluster

    for attempt in range(ATTEMPTS):
        made = Cluster()
        try:
            made.add_node(**node(), include_dashboard=False, include_log_monitor=False, no_monitor=True)
            made.add_node(**node())
            made.wait_for_nodes()
            break
        except Exception:
            made.shutdown()
            if attempt + 1 == ATTEMPTS:
                raise
    yield made
    made.shutdown()


@contextlib.contextmanager
def another_node(cluster, **resources):
    """Adds a node, and at the end waits until the cluster knows that it is gone."""
    import ray

    extra = cluster.add_node(**{**node(), **resources})
    cluster.wait_for_nodes()
    try:
        yield
    finally:
        cluster.remove_node(extra, allow_graceful=False)
        deadline = time.monotonic() + GONE_WITHIN
        while ray.cluster_resources().get("CPU") != 2 or ray.cluster_resources().get("GPU"):
            assert time.monotonic() < deadline, "the node that was removed still counts"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def fleet(cluster):
    """The cluster as the code sees it, connected to once: that takes seconds."""
    from sim2sg_core.fleet import opened

    with opened(cluster.address) as fleet:
        yield fleet


__all__ = ["domain", "folder", "records"]
