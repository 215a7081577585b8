"""The depth images of a camera: received on the executor, found by stamp in the inference thread."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.depth_decoding import decode_compressed_depth, decode_depth
from sim2sg_core.logs.nearby import Nearby
from sim2sg_core.scene.depth_image import DepthImage
from sim2sg_ros.qos import sensor_qos
from sim2sg_ros.stamps import stamp_of

WAIT = 0.03
"""Seconds that a graph waits, after its inference, for a depth image that is still on its way."""
RETRY = 1.0
"""Seconds after a wait in vain in which graphs do not wait."""
QUIET = 2.0
"""Seconds without a depth image that goes with an image after which it is said: depth may be slower than images."""
KEPT = 30
"""Depth images that are kept: a second of most cameras. Inference must not take longer than they last."""
KEPT_BYTES = 64 * 2**20
"""Bytes of those, for large images; of the largest `LEAST` are kept all the same."""
LEAST = 3


class DepthInput:
    """Subscribes to depth images and finds the one of an image.

    Attributes:
        topic: Full name.
        problem: Why depth images are not used, in one line; "" when they are.
    """

    def __init__(self, node: Node, topic: str) -> None:
        """Subscribes.

        Args:
            node: The node.
            topic: Of sensor_msgs/Image; of CompressedImage where its last part is `compressedDepth`.
        """
        kind = CompressedImage if topic.endswith("/compressedDepth") else Image
        self._node = node
        self._near: Nearby[Any] = Nearby(KEPT)
        self._came = threading.Condition()
        self._wait_from = -math.inf  # time.monotonic
        self._came_once = False
        self._refused = ""  # why the last one that came cannot be used
        self._used = time.monotonic()
        self._subscription = node.create_subscription(
            kind,
            topic,
            self._receive,
            sensor_qos(),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self.topic = self._subscription.topic_name
        self.problem = ""

    def close(self) -> None:
        """Unsubscribes."""
        self._node.destroy_subscription(self._subscription)

    def reset(self) -> None:
        """Forgets what came, for a clock that jumped back."""
        with self._came:
            self._near.clear()

    def find(self, header: Header, width: int, height: int) -> DepthImage | None:
        """Returns the depth image that goes with an image, as `Nearby` says; None where there is none.

        Where it may be on its way this waits for it, up to `WAIT`. After a wait in vain it does not for `RETRY`: one
        that is lost may be an exception, but where none comes at all, graphs must not be late.

        Args:
            header: The image's.
            width: Of the image, pixels.
            height: Likewise.
        """
        stamp = stamp_of(header)
        now = time.monotonic()
        deadline = now + WAIT
        with self._came:
            while now >= self._wait_from and self._near.period and not self._near.settled(stamp):
                if not self._came.wait(deadline - time.monotonic()):
                    self._wait_from = time.monotonic() + RETRY
                    break
            message = self._near.find(stamp)
        if message is None:
            if time.monotonic() - self._used > QUIET:
                reason = "no depth image within half a period of images" if self._came_once else "no depth image came"
                self.problem = f"{self.topic}: {self._refused or reason}: depth is the network's"
            return None
        try:
            image, self.problem = self._read(message, header, width, height), ""
        except Sim2SGError as error:
            self.problem = f"{self.topic}: {error}"
            return None
        self._used = time.monotonic()
        return image

    def _receive(self, message: Image | CompressedImage) -> None:
        try:
            stamp, self._refused = stamp_of(message.header), ""
        except Sim2SGError as error:
            self._refused = f"a depth image is not used: {error}"
            return
        with self._came:
            self._came_once = True
            self._near.put(stamp, message)
            self._near.keep(max(LEAST, KEPT_BYTES // max(1, len(message.data))))
            self._came.notify_all()

    def _read(self, message: Any, header: Header, width: int, height: int) -> DepthImage:
        frame = message.header.frame_id
        if frame != header.frame_id:
            raise Sim2SGError(
                f"depth is in frame {frame!r}, the image in {header.frame_id!r}: give depth that is aligned with it"
            )
        if isinstance(message, CompressedImage):
            image = decode_compressed_depth(message.data, message.format)
        else:
            size = message.width, message.height
            image = decode_depth(message.data, *size, message.encoding, message.step, bool(message.is_bigendian))
        if not image.fits(width, height):
            raise Sim2SGError(
                f"depth is {image.width}x{image.height}, the image {width}x{height}: give depth that is aligned with it"
            )
        return image
