"""Names of topics that belong together, and of files: safe, and each used once."""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath

LONGEST = 180
"""Bytes of a name; file systems take 255, and temporary files get longer ones."""


class UniqueNames:
    """Gives every frame a file name of its own."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def __call__(self, name: str, suffix: str | None = None) -> str:
        """Returns `name`, with a number behind it where it was returned before.

        Args:
            name: A relative path; its folders are kept.
            suffix: Replaces the name's own, such as ".jpg".
        """
        path = PurePosixPath(name)
        suffix = path.suffix if suffix is None else suffix
        stem = name.removesuffix(path.suffix) if path.suffix else name
        candidate = stem + suffix
        while candidate in self._taken:
            self._taken[stem + suffix] = number = self._taken.get(stem + suffix, 1) + 1
            candidate = f"{stem}_{number}{suffix}"
        self._taken[candidate] = 1
        return candidate


def flat_name(name: str) -> str:
    """Returns a name as that of one file: no folders, no control characters, UTF-8, and not too long."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace").lstrip("/")
    safe = re.sub(r"[\x00-\x1f\x7f/\\]", "_", text).lstrip(".") or "_"
    if len(safe.encode()) <= LONGEST:
        return safe
    ending = safe[-40:]  # the stamp and the suffix
    return safe.encode()[: LONGEST - len(ending.encode())].decode("utf-8", "ignore") + ending


def frame_name(topic: str, stamp: int) -> str:
    """Returns the file name of a frame: leading `/` dropped, other characters that names cannot have `_`."""
    return flat_name(f"{topic.lstrip('/')}_{stamp}.jpg")


def base_topic(topic: str) -> str:
    """Returns an image topic without the suffix that image_transport appends."""
    for transport in ("/compressed", "/image_raw/ffmpeg", "/theora"):
        if topic.endswith(transport):
            return topic.removesuffix(transport)
    return topic


def is_rectified(topic: str) -> bool:
    """Whether the images of a topic are rectified, by the names of image_proc: image_rect, image_rect_color."""
    return "rect" in base_topic(topic).rsplit("/", 1)[-1]


def camera_info_topics(topic: str) -> tuple[str, ...]:
    """Returns where the calibration of an image topic may lie: beside it, by image_transport or by Foxglove."""
    beside = base_topic(topic).rpartition("/")[0]
    return f"{beside}/camera_info", f"{beside}/calibration", f"{base_topic(topic)}/camera_info"
