"""How a user gets the packages of an optional part of sim2sg (the extras in pyproject.toml)."""

from __future__ import annotations

from importlib import metadata


def pip_command(extra: str, *packages: str) -> str:
    """Returns the pip command that installs what is missing.

    pip finds `sim2sg[EXTRA]` only where it installed sim2sg itself. In a colcon workspace `sim2sg` is the messages'
    package, which has no extras: there the packages are named.

    Args:
        extra: The extra that the packages belong to.
        packages: Those that are missing, by their names on PyPI.
    """
    try:
        known = metadata.metadata("sim2sg").get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        known = []
    return f"pip install 'sim2sg[{extra}]'" if extra in known else f"pip install {' '.join(packages)}"
