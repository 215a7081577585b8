"""`sim2sg doctor`: what of sim2sg this machine can run, and the command that mends the rest."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sim2sg_core
from sim2sg_core.cli.main import PACKAGES
from sim2sg_core.cores import cpu_quota, usable_cores
from sim2sg_core.errors import Sim2SGError, first_line
from sim2sg_core.extras import pip_command

HELP = "check what this machine can run, and how to fix the rest"
EXAMPLE = "sim2sg doctor"

GIB = 1 << 30
LEAST_DISK, LEAST_SHARED_MEMORY, LEAST_MEMORY = 5 * GIB, 64 << 20, 4 * GIB


@dataclass(frozen=True)
class Finding:
    """What was found of one thing.

    Attributes:
        name: Of the thing.
        text: What there is.
        fix: A command, or what to do; "" where all is well.
        needed: Whether nothing runs without it; else only what `text` says.
    """

    name: str
    text: str
    fix: str = ""
    needed: bool = False

    def line(self) -> str:
        """Returns it as one line: OK, or what to do."""
        if not self.fix:
            return f"OK  {self.name:14} {self.text}"
        return f"{'NO' if self.needed else '--'}  {self.name:14} {self.text}: {self.fix}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(args: argparse.Namespace) -> int:
    """Prints a line for each thing; 1 when one is missing without which nothing runs."""
    bad = False
    for finding in findings():
        print(finding.line(), flush=True)
        bad = bad or bool(finding.fix and finding.needed)
    return int(bad)


def findings() -> Iterator[Finding]:
    """Looks at one thing after the other."""
    checks: tuple[Callable[[], Finding], ...] = (
        python,
        packages,
        onnxruntime,
        torch,
        renderer,
        ros,
        middleware,
        shared_memory,
        disk,
        cores,
        memory,
    )
    for check in checks:
        try:
            yield check()
        except ModuleNotFoundError as error:
            yield Finding(check.__name__, f"not checked, as {error.name} is missing", "install that first")
        except Exception as error:  # of a broken installation anything may come
            yield Finding(check.__name__, f"fails ({first_line(error)})", "install it again")


def python() -> Finding:
    """The interpreter and this package."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", f"{version} with sim2sg {sim2sg_core.__version__} in {Path(sys.prefix)}")


def packages() -> Finding:
    """What every command needs of other packages."""
    modules = [name for name in PACKAGES if name != "backports.zstd" or sys.version_info < (3, 14)]
    missing = [name for name in modules if not _is_there(name)]
    if missing:
        fix = f"pip install {' '.join(dict.fromkeys(PACKAGES[name] for name in missing))}"
        return Finding("packages", f"{', '.join(missing)}: not installed", fix, needed=True)
    return Finding("packages", "all there that every command needs")


def onnxruntime() -> Finding:
    """What runs models: the CPU, or a GPU."""
    name = "onnxruntime"
    if importlib.util.find_spec("onnxruntime") is None:
        return Finding(
            name, "not installed, and no model runs without it", pip_command("cpu", "onnxruntime"), needed=True
        )
    installed = [d for d in ("onnxruntime", "onnxruntime-gpu") if _version(d)]
    if len(installed) > 1:
        fix = f"pip uninstall -y onnxruntime onnxruntime-gpu && {pip_command('gpu', 'onnxruntime-gpu')}"
        return Finding(name, "two packages overwrite each other's files (onnxruntime and -gpu)", fix, needed=True)
    from sim2sg_core.runtime.providers import PROVIDERS, import_onnxruntime

    ort = import_onnxruntime()
    there = [short for short, full in PROVIDERS.items() if full in ort.get_available_providers()]
    text = f"{ort.__version__} on {', '.join(there)}"
    if has_gpu() and "cuda" not in there:
        return Finding(
            name,
            f"{text}, but there is an NVIDIA GPU",
            f"pip uninstall -y onnxruntime && {pip_command('gpu', 'onnxruntime-gpu')}",
        )
    return Finding(name, text)


def torch() -> Finding:
    """What trains."""
    if importlib.util.find_spec("torch") is None:
        return Finding("torch", "not installed; only adapt, train and export need it", pip_command("train", "torch"))
    import torch as library  # type: ignore[import-untyped,unused-ignore]

    gpus = [library.cuda.get_device_name(i) for i in range(library.cuda.device_count())]
    text = f"{library.__version__} on {', '.join(gpus) or 'the CPU'}"
    if has_gpu() and not gpus:
        return Finding("torch", f"{text}, but there is an NVIDIA GPU", "install a torch with CUDA, or renew the driver")
    return Finding("torch", text)


def renderer() -> Finding:
    """What draws: EGL on a GPU, or Mesa on the CPU."""
    if importlib.util.find_spec("moderngl") is None:
        return Finding(
            "renderer", "moderngl is missing; only adapt and synth need it", pip_command("train", "moderngl")
        )
    from sim2sg_core.render.egl import is_software
    from sim2sg_core.synthesis.renderer_probe import probe_renderer

    try:
        device = probe_renderer()
    except Sim2SGError as error:
        return Finding("renderer", str(error).partition(": ")[0], "apt-get install libegl1 libgl1 libgl1-mesa-dri")
    return Finding(
        "renderer", f"{device} ({'software: a GPU with EGL is faster' if is_software(device) else 'hardware'})"
    )


def ros() -> Finding:
    """ROS 2 and our messages."""
    distribution = os.environ.get("ROS_DISTRO", "as wheels")
    if importlib.util.find_spec("rclpy") is None:
        fix = "source /opt/ros/DISTRO/setup.bash, or in a clone: pip install '.[ros]'"
        return Finding("ROS", "no rclpy; only node, play and demo need it", fix)
    if importlib.util.find_spec("sim2sg") is None:
        return Finding(
            "ROS", f"{distribution}, without the messages of sim2sg", "source install/setup.bash of its workspace"
        )
    return Finding("ROS", f"{distribution}, with the messages of sim2sg")


def middleware() -> Finding:
    """Which RMW implementation ROS takes."""
    if importlib.util.find_spec("rclpy") is None:
        return Finding("RMW", "without ROS there is none")
    chosen = os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")
    prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    index = Path("share/ament_index/resource_index/packages")
    if not _version(f"ros-{chosen.replace('_', '-')}") and not any((p / index / chosen).exists() for p in prefixes):
        return Finding("RMW", f"{chosen} is not installed", "unset RMW_IMPLEMENTATION, or install it")
    return Finding("RMW", f"{chosen}, domain {os.environ.get('ROS_DOMAIN_ID', '0')}")


def shared_memory(path: Path = Path("/dev/shm")) -> Finding:
    """Room for images between processes."""
    if not path.is_dir():
        return Finding("shared memory", "there is none; raw images travel by the network", "docker run --shm-size 1g …")
    size = shutil.disk_usage(path)
    text = f"{size.free / GIB:.1f} of {size.total / GIB:.1f} GiB free"
    if size.free < LEAST_SHARED_MEMORY:
        return Finding("shared memory", text, "docker run --shm-size 1g …, or remove what lies in /dev/shm")
    return Finding("shared memory", text)


def disk(path: Path = Path()) -> Finding:
    """Room for a run in this folder."""
    free = shutil.disk_usage(path).free
    text = f"{free / GIB:.1f} GiB free in this folder"
    if free < LEAST_DISK:
        return Finding("disk", text, "a run takes up to 5 GiB: free some, or give --out elsewhere")
    return Finding("disk", text)


def cores() -> Finding:
    """What may be computed on."""
    quota = cpu_quota()
    limit = "" if math.isinf(quota) else f"; a quota of {quota:g} limits it (docker --cpus)"
    return Finding("cores", f"{usable_cores()} of {os.cpu_count()}{limit}")


def memory(file: Path = Path("/proc/meminfo")) -> Finding:
    """What is free of it."""
    rows = dict(line.split(":", 1) for line in file.read_text().splitlines() if ":" in line)
    free = int(rows["MemAvailable"].split()[0]) * 1024
    text = f"{free / GIB:.1f} GiB free"
    if free < LEAST_MEMORY:
        return Finding("memory", text, "training takes about 4 GiB: end other programs, or give a smaller --batch")
    return Finding("memory", text)


def has_gpu() -> bool:
    """Whether the driver of an NVIDIA GPU is loaded."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it is in
        return False


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
