"""One-line texts of errors that other libraries raise."""

from __future__ import annotations


def one_line(error: Exception) -> str:
    """Returns an error's text on one line."""
    return " ".join(str(error).split())


def missing_ros(error: ImportError) -> str:
    """Says how to get ROS 2 where importing it failed.

    Raises:
        ImportError: A package of the core is missing, not ROS: the command line says how to get that.
    """
    from sim2sg_core.cli.main import PACKAGES

    if error.name in PACKAGES:
        raise error
    return (
        f"ROS 2 is not here ({error}): source your ROS installation and this package's workspace, or"
        " in a clone `pip install '.[ros]'` into a virtual environment"
    )
