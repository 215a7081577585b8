"""The thread that turns images into graphs, away from the executor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sim2sg_ros.mailbox import Mailbox

SLICE = 0.1
"""Seconds after which a longer period that was set before no longer counts."""


@dataclass(frozen=True)
class ReceivedImage:
    """An image as it came in.

    Attributes:
        message: sensor_msgs/Image or CompressedImage.
        received: When, by time.perf_counter, seconds.
        camera: Name of the camera that took it.
    """

    message: Any
    received: float
    camera: str = ""


class InferenceThread:
    """Takes a camera's newest image, works on it, and takes the newest of the camera whose turn is next.

    onnxruntime gives up the interpreter lock, so callbacks go on meanwhile.
    """

    def __init__(
        self,
        process: Callable[[ReceivedImage], None],
        min_period: Callable[[], float],
        name: str = "inference",
    ) -> None:
        """Starts the thread.

        Args:
            process: Works on one image; must not raise.
            min_period: Least seconds between the starts of two images, of whichever camera; asked again and again.
            name: Of the thread.
        """
        self._mailbox: Mailbox[ReceivedImage] = Mailbox()
        self._process = process
        self._min_period = min_period
        self._stop = threading.Event()
        # A daemon: a hanging inference must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, image: ReceivedImage) -> bool:
        """Hands an image in. Returns whether it replaced an older one of its camera that was still waiting."""
        return self._mailbox.put(image, image.camera)

    def stop(self, timeout: float = 10.0) -> bool:
        """Ends the thread after the image in work. Returns whether it ended in `timeout` seconds."""
        self._stop.set()
        self._mailbox.close()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        started = -1e9
        while not self._stop.is_set():
            # Waits before it takes: what comes meanwhile replaces what waits. In slices, as the period may change.
            while (left := started + self._min_period() - time.monotonic()) > 0:
                if self._stop.wait(min(left, SLICE)):
                    return
            image = self._mailbox.take()
            if image is not None:
                started = time.monotonic()
                self._process(image)
