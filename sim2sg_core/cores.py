"""Which CPU this is, and how many of its cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path


def usable_cores(root: Path = Path("/")) -> int:
    """Returns the number of CPU cores that this process may keep busy.

    It is the least of the cores that it may run on and the quota of its cgroups (`docker --cpus`, Kubernetes limits,
    systemd's CPUQuota), rounded up. More threads than that are stopped for a part of every period.

    Args:
        root: Of the file system that tells.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every platform
        cores = os.cpu_count() or 1
    return max(1, math.ceil(min(cores, cpu_quota(root))))


def cpu_flags(cpuinfo: str | None = None) -> frozenset[str]:
    """Returns the features of an x86 CPU as Linux names them, such as avx2; empty where that cannot be told.

    Args:
        cpuinfo: The text of its /proc/cpuinfo; None for this one's.
    """
    if cpuinfo is None:
        try:
            cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:  # not Linux
            cpuinfo = ""
    lines = [line.partition(":")[2] for line in cpuinfo.splitlines() if line.startswith("flags")]
    return frozenset(word for line in lines for word in line.split())


def cpu_quota(root: Path = Path("/")) -> float:
    """Returns the least CPU quota of this process's cgroups, in cores (cgroup v1 and v2); infinity for none."""
    mount = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return math.inf
    quotas = [math.inf]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # v2
            quotas += [_quota_v2(folder) for folder in _up(mount, path)]
        elif "cpu" in controllers.split(","):
            quotas += [_quota_v1(folder) for folder in _up(mount / "cpu", path)]
    return min(quotas)


def _up(mount: Path, path: str) -> list[Path]:
    """The folders of a cgroup and of those it lies in. In a container the path may not be there, but the mount is."""
    folder = mount / path.lstrip("/")
    return [folder, *(parent for parent in folder.parents if parent == mount or mount in parent.parents)]


def _quota_v2(folder: Path) -> float:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return math.inf if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return math.inf


def _quota_v1(folder: Path) -> float:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf
