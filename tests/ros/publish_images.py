"""A camera as a process of its own, to be killed: publish_images.py TOPIC raw|compressed RATE FRAME_ID.

It publishes after a line on its standard input, and until then it is no part of the ROS graph.
"""

from __future__ import annotations

import sys
import time

import cv2
import numpy as np
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from sim2sg_ros import middleware


def main(topic: str, transport: str, rate: str, frame: str) -> None:
    sys.stdin.readline()
    middleware.apply()
    rclpy.init()
    node = rclpy.create_node(f"camera_{frame}")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    message: Image | CompressedImage
    if transport == "raw":
        message = Image(height=64, width=96, encoding="rgb8", step=3 * 96, data=pixels.tobytes())
    else:
        topic += "/compressed"
        message = CompressedImage(format="jpeg", data=bytes(cv2.imencode(".jpg", pixels)[1]))
    message.header.frame_id = frame
    publisher = node.create_publisher(type(message), topic, QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE))
    while True:
        message.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(message)
        time.sleep(1 / float(rate))


if __name__ == "__main__":
    main(*sys.argv[1:])
