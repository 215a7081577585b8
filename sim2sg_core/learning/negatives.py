"""Images that show nothing of the domain: whatever a network finds in them is wrong."""

from __future__ import annotations

from pathlib import Path

import cv2

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import encode_jpeg
from sim2sg_core.learning.data import Record
from sim2sg_core.logs import decoded, open_logs, select_frames
from sim2sg_core.scene import SceneGraph

MOST = 5000
"""Images kept in memory of one log."""
LARGEST_SIDE = 1280  # pixels; networks see less, and zooms into negatives need no more detail


def load_negatives(log: Path | str) -> list[Record]:
    """Reads a log of which nobody needs labels, since no object of the domain is in it.

    Args:
        log: A folder of images, a bag or a video; of long ones `MOST` frames, evenly chosen.

    Raises:
        Sim2SGError: No log, or none of its frames can be read.
    """
    records = []
    for frame, image in decoded(select_frames(open_logs(log), max_frames=MOST, need_times=False)):
        scale = min(1.0, LARGEST_SIDE / max(image.shape[:2]))
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = image.shape[:2]
        records.append(Record(f"{log}: {frame.name}", encode_jpeg(image, 95), SceneGraph(width, height, (), ())))
    if not records:
        raise Sim2SGError(f"{log}: no images in it; negatives are a folder of images, a bag or a video")
    return records
