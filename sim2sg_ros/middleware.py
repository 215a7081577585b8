"""Settings of middleware and memory allocator for raw images, applied before rclpy starts.

Fast DDS's default shared-memory segment holds 512 KiB, less than one VGA image: most raw images are
lost. The profile in config/fastdds.xml makes room. The allocator keeps the buffers of images (see `allocator`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sim2sg_core.allocator import keep_freed_blocks
from sim2sg_core.errors import Sim2SGError
from sim2sg_ros.error_text import one_line

PROFILE = Path("config") / "fastdds.xml"
OLD_VARIABLE, NEW_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
"""Where Fast DDS looks for a profile: until version 2, and from version 3 on, which warns about the old."""
FAST_DDS_2 = ("humble", "iron", "jazzy")
"""ROS distributions that come with Fast DDS 2."""
LARGEST_MIB = 8
"""The largest message that the profile carries."""
TRANSPORTS_VARIABLE = "FASTDDS_BUILTIN_TRANSPORTS"
"""By which users choose Fast DDS's transports without a profile; a profile would override it."""


def init(args: Sequence[str], *, handle_signals: bool = True) -> str:
    """Applies the settings and then initialises rclpy.

    Args:
        args: ROS arguments (`--ros-args …`).
        handle_signals: Whether rclpy installs its handlers of SIGINT and SIGTERM, which make its context invalid.

    Returns:
        What was set, in one line for the log.

    Raises:
        Sim2SGError: ROS does not understand the arguments.
    """
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    done = apply()
    try:
        rclpy.init(args=["sim2sg", *args], signal_handler_options=None if handle_signals else SignalHandlerOptions.NO)
    except RuntimeError as error:  # All of rclpy's own errors are.
        reason = one_line(error).split(", at ")[0]
        raise Sim2SGError(f"ROS does not understand its arguments: {reason}") from None
    return done


def apply() -> str:
    """Applies both settings to this process.

    Returns:
        What was done, in one line for the log.
    """
    keep_freed_blocks(arenas=1)
    profile = use_fastdds_profile()
    return f"Fast DDS profile {profile}" if profile else "middleware profile left as the user set it"


def use_fastdds_profile() -> Path | None:
    """Points Fast DDS to the shared-memory profile, unless the user has settings of their own or another RMW.

    Returns:
        The profile in use by this call, or None when nothing was changed.
    """
    variables = profile_environment()
    os.environ.update(variables)
    return Path(next(iter(variables.values()))) if variables else None


def profile_environment() -> dict[str, str]:
    """Returns the environment variables to set; none when the user has a profile, chosen transports or another RMW."""
    if any(os.environ.get(name) for name in (OLD_VARIABLE, NEW_VARIABLE, TRANSPORTS_VARIABLE)):
        return {}
    if "fastrtps" not in os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp"):
        return {}
    profile = find_share(PROFILE)
    if profile is None:
        return {}
    old = os.environ.get("ROS_DISTRO", "") in FAST_DDS_2
    return {OLD_VARIABLE if old else NEW_VARIABLE: str(profile)}


def find_share(relative: Path | str) -> Path | None:
    """Finds a file of share/sim2sg: in the source tree, the Python prefix or a ROS installation."""
    roots = [Path(__file__).resolve().parent.parent, Path(sys.prefix) / "share" / "sim2sg"]
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    roots += [Path(prefix) / "share" / "sim2sg" for prefix in prefixes if prefix]
    return next((root / relative for root in roots if (root / relative).is_file()), None)
