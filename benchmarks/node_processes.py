"""What the node's benchmarks share: processes with an environment of their own, and what /proc tells of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from sim2sg_ros import middleware

HERE = Path(__file__).parent
LOG = HERE.parent / "sim2sg_core" / "demo" / "log"
"""The camera log that ships with the package."""
DEMO_MODEL = HERE.parent / "runs" / "demo" / "model.onnx"
"""What `make demo` leaves."""


def check(*needed: Path) -> None:
    """Ends the script with one line when ROS or a file is missing."""
    for module in ("rclpy", "sim2sg.msg"):
        try:
            found = find_spec(module)
        except ImportError:
            found = None
        if found is None:
            raise SystemExit(f"error: {module} is not here: source your ROS installation, or pip install '.[ros]'")
    for path in needed:
        if not path.exists():
            hint = ": `make demo` writes it, or name another with --model" if path == DEMO_MODEL else ""
            raise SystemExit(f"error: {path}: no such file or folder{hint}")


def environment(shared_memory: bool) -> dict[str, str]:
    """Returns the environment of a process, away from other nodes on this machine and network.

    Args:
        shared_memory: With the package's Fast DDS profile, unless the user has one; else with the middleware's
            own settings.
    """
    values = {k: v for k, v in os.environ.items() if not k.endswith("_DEFAULT_PROFILES_FILE")}
    values["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    values["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
    return values | (middleware.profile_environment() if shared_memory else {})


class Processes:
    """Processes that end with the `with` block, whatever happens in it."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in self._running[::-1]:
            end(process)

    def start(
        self, *words: object, env: dict[str, str], stdout: Any = None, stderr: IO[Any] | None = None
    ) -> subprocess.Popen[str]:
        """Starts `python WORDS`; of a script in this folder the name is enough."""
        command = [sys.executable, *map(str, words)]
        if command[1].endswith(".py"):
            command[1] = str(HERE / command[1])
        self._running.append(subprocess.Popen(command, env=env, stdout=stdout, stderr=stderr, text=True))
        return self._running[-1]

    def node(self, *words: object, env: dict[str, str], stderr: IO[Any] | None = None) -> subprocess.Popen[str]:
        """Starts `sim2sg node WORDS`."""
        return self.start("-m", "sim2sg_core.cli.main", "node", *words, env=env, stderr=stderr)


def end(process: subprocess.Popen[Any], timeout: float = 15.0) -> int:
    """Ends a process as Ctrl-C does, or by force after `timeout` seconds. Returns its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def expect(process: subprocess.Popen[str], word: str, who: str) -> None:
    """Waits until a process has written a line; ends the script when it dies instead."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == word:
            return
    raise SystemExit(f"error: the {who} ended with status {process.wait()} before it said {word!r}, see above")


def cpu_ms(pid: int) -> float:
    """Returns milliseconds of CPU that a process has used, all threads, user and system."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    # Fields 14 and 15 of proc(5); the second, a name in brackets, may hold blanks.
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) * 1000 / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Returns MiB of memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)
