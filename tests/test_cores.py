import math
import os

import pytest

from sim2sg_core.cores import cpu_quota, usable_cores


def files(root, **contents):
    for path, text in contents.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_a_machine_without_cgroups_has_no_quota(tmp_path):
    assert cpu_quota(tmp_path) == math.inf
    assert usable_cores(tmp_path) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("text", "quota"), [("max 100000", math.inf), ("150000 100000", 1.5), ("what", math.inf)])
def test_version_2_tells_its_quota(tmp_path, text, quota):
    files(tmp_path, **{"proc/self/cgroup": "0::/app\n", "sys/fs/cgroup/app/cpu.max": f"{text}\n"})
    assert cpu_quota(tmp_path) == quota


def test_the_tightest_quota_on_the_way_up_counts(tmp_path):
    files(tmp_path, **{"proc/self/cgroup": "0::/slice/app\n", "sys/fs/cgroup/slice/app/cpu.max": "max 100000"})
    files(tmp_path, **{"sys/fs/cgroup/slice/cpu.max": "50000 100000"})
    assert cpu_quota(tmp_path) == 0.5
    assert usable_cores(tmp_path) == 1


def test_inside_a_container_the_mount_itself_tells(tmp_path):
    files(tmp_path, **{"proc/self/cgroup": "0::/../../docker/abc\n", "sys/fs/cgroup/cpu.max": "200000 100000"})
    assert cpu_quota(tmp_path) == 2.0


@pytest.mark.parametrize(("quota", "cores"), [("-1", math.inf), ("25000", 0.25)])
def test_version_1_tells_its_quota(tmp_path, quota, cores):
    files(tmp_path, **{"proc/self/cgroup": "4:memory:/app\n3:cpu,cpuacct:/app\n"})
    cpu = "sys/fs/cgroup/cpu/app/cpu.cfs_"
    files(tmp_path, **{f"{cpu}quota_us": quota, f"{cpu}period_us": "100000"})
    assert cpu_quota(tmp_path) == cores
