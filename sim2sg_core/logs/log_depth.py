"""The depth images of a log, read beside the frames that they go with."""

from __future__ import annotations

from collections.abc import Iterator

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.camera_log import Log, LogFrame, StoredDepth
from sim2sg_core.logs.nearby import Nearby
from sim2sg_core.scene.depth_image import DepthImage

KEPT = 32
"""Depth images that are held, still encoded."""
AHEAD, FAR = 2 * 10**9, 10 * 10**9
"""Nanoseconds of recording: that a depth image may be recorded before or after its frame; and after which a gap
between two frames is skipped rather than read."""


class LogDepth:
    """Finds the depth image of each frame of a log. Frames are asked for in the order of the log.

    Attributes:
        found: Frames that had one.
        missed: Frames that had none.
        problem: Why the first of those that were damaged could not be read; "" for none.
    """

    def __init__(self, log: Log, topic: str) -> None:
        """Looks for the topic.

        Raises:
            Sim2SGError: The log has no such topic of depth images.
        """
        self._log = log
        self._topic = log.depth_topic(topic)
        self._near: Nearby[StoredDepth] = Nearby(KEPT)
        self._coming: Iterator[StoredDepth] = iter(())
        self._read: int | None = None  # time of recording up to which was read
        self.found = self.missed = 0
        self.problem = ""

    def find(self, frame: LogFrame) -> DepthImage | None:
        """Returns the depth image that goes with a frame, as `Nearby` says, None where none does."""
        self._read_up_to(frame)
        stored = self._near.find(frame.stamp)
        try:
            image = stored.decode().turned(self._log.rotate) if stored else None
        except Sim2SGError as error:
            image, self.problem = None, self.problem or str(error)
        self.found += image is not None
        self.missed += image is None
        return image

    def _read_up_to(self, frame: LogFrame) -> None:
        """Reads on until what goes with the frame must have come."""
        recorded = frame.stamp if frame.recorded is None else frame.recorded
        if self._read is None or not self._read - AHEAD <= recorded <= self._read + FAR:
            self._near.clear()
            self._coming = self._log.depths(self._topic, recorded - AHEAD)
            self._read = recorded - AHEAD
        # Two at least, or their period is not known.
        while not (self._near.period and self._near.settled(frame.stamp)) and self._read < recorded + AHEAD:
            stored = next(self._coming, None)
            if stored is None:
                return
            self._near.put(stored.stamp, stored)
            self._read = stored.recorded
