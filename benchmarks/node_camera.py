"""A camera as a process of its own: pictures of a log, cut and scaled to a size, with their camera_info.

Every header.stamp is the moment right before publishing; a depth image, a floor that rises away from the camera, goes
ahead of the image with the same stamp. Writes `measuring` when the warm-up is over and
`done` at the end, and the stamps of all images to a file.

python benchmarks/node_camera.py --log LOG --size 640x480 --transport raw --hz 30 --topic /camera/image
"""

from __future__ import annotations

import argparse
import array
import itertools
import json
import math
import time
from pathlib import Path

import cv2
import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from sim2sg_core.logs import open_logs
from sim2sg_core.scene import Camera
from sim2sg_ros.signals import until_signal

PICTURES = 30
JPEG_QUALITY = 90
FRAME = "camera_optical"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log", type=Path, required=True, help="bag, folder of bags or of images")
    parser.add_argument("--size", default="640x480", help="width x height")
    parser.add_argument("--transport", choices=("raw", "jpeg"), default="raw")
    parser.add_argument("--hz", type=float, default=30.0)
    parser.add_argument("--topic", default="/camera/image")
    parser.add_argument("--depth-topic", help="publish 16UC1 depth images, aligned and of half the size, as well")
    parser.add_argument("--warm-up", type=float, default=0.0, help="seconds")
    parser.add_argument("--seconds", type=float, default=math.inf, help="after the warm-up")
    parser.add_argument("--stamps", type=Path, help="JSON file to write")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    log = open_logs(args.log)[0]
    topic = log.image_topic()
    frames = itertools.islice(log.frames(topic), PICTURES)
    images = [fitted(frame.decode(), width, height) for frame in frames]
    info = camera_info(log.camera(topic), width, height)
    rclpy.init()
    node = rclpy.create_node(args.topic.strip("/").replace("/", "_"))
    depth = depth_message(width // 2, height // 2) if args.depth_topic else None
    with until_signal():
        stamps = publish(node, args, [message_of(image, args.transport) for image in images], info, depth)
        if args.stamps:
            args.stamps.write_text(json.dumps(stamps), encoding="utf-8")
        print("done", flush=True)
    # Gives the shared memory back.
    node.destroy_node()
    rclpy.try_shutdown()


def publish(
    node: Node,
    args: argparse.Namespace,
    messages: list[Image | CompressedImage],
    info: CameraInfo | None,
    depth: Image | None,
) -> dict[str, list[int]]:
    """Waits for a subscriber and publishes. Returns the stamps, nanoseconds, of warm-up and measurement."""
    topic = args.topic if args.transport == "raw" else f"{args.topic}/compressed"
    # Queue of 10, reliable: what drivers offer, and all that asks for less can have it.
    publisher = node.create_publisher(type(messages[0]), topic, 10)
    infos = node.create_publisher(CameraInfo, f"{args.topic.rpartition('/')[0]}/camera_info", 10)
    depths = node.create_publisher(Image, args.depth_topic, 10) if args.depth_topic else None
    deadline = time.monotonic() + 60
    while not publisher.get_subscription_count():
        if time.monotonic() > deadline:
            raise SystemExit(f"error: nobody subscribed to {topic} within 60 s")
        time.sleep(0.05)
    time.sleep(0.5)  # The other side may still be on its way to know of us.
    stamps: dict[str, list[int]] = {"warm_up": [], "measured": []}
    due = started = time.monotonic()
    phase, number = "warm_up", 0
    while (now := time.monotonic()) < started + args.warm_up + args.seconds:
        if phase == "warm_up" and now >= started + args.warm_up:
            phase = "measured"
            print("measuring", flush=True)
        message = messages[number % len(messages)]
        message.header.stamp = node.get_clock().now().to_msg()
        if depths is not None and depth is not None:
            depth.header = message.header
            depths.publish(depth)
        publisher.publish(message)
        if info is not None:
            info.header = message.header
            infos.publish(info)
        stamps[phase].append(message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)
        number += 1
        # One that comes late is followed by a full pause, not by a burst.
        due = max(due + 1 / args.hz, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
    return stamps


def crop(width: int, height: int, aspect: float) -> tuple[int, int, int, int]:
    """Returns x, y, width and height of the largest centred part of an image with an aspect ratio."""
    w, h = min(width, round(height * aspect)), min(height, round(width / aspect))
    return (width - w) // 2, (height - h) // 2, w, h


def fitted(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Cuts and scales an RGB image; returns BGR."""
    x, y, w, h = crop(image.shape[1], image.shape[0], width / height)
    scaled = cv2.resize(image[y : y + h, x : x + w], (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.cvtColor(scaled, cv2.COLOR_RGB2BGR)


def message_of(image: np.ndarray, transport: str) -> Image | CompressedImage:
    """Makes a message of a BGR image."""
    height, width = image.shape[:2]
    data = array.array("B")
    message: Image | CompressedImage
    if transport == "raw":
        data.frombytes(image.tobytes())
        message = Image(height=height, width=width, encoding="bgr8", step=3 * width, data=data)
    else:
        data.frombytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())
        message = CompressedImage(format="bgr8; jpeg compressed bgr8", data=data)
    message.header.frame_id = FRAME
    return message


def depth_message(width: int, height: int) -> Image:
    """Makes a depth image in millimetres: 8 m at the top, 1 m at the bottom."""
    rows = np.linspace(8000, 1000, height).astype("<u2")
    data = array.array("B", np.repeat(rows, width).tobytes())
    return Image(height=height, width=width, encoding="16UC1", step=2 * width, data=data)


def camera_info(camera: Camera | None, width: int, height: int) -> CameraInfo | None:
    """Returns the calibration of images that `fitted` made; None where the log has none."""
    if camera is None:
        return None
    x, y, w, h = crop(camera.width, camera.height, width / height)
    K = camera.K.copy()
    K[0, 2] -= x
    K[1, 2] -= y
    K[:2] *= [[width / w], [height / h]]
    return CameraInfo(
        width=width,
        height=height,
        distortion_model="plumb_bob",
        d=np.asarray(camera.distortion, float).ravel()[:5].tolist(),
        k=K.ravel().tolist(),
        r=np.eye(3).ravel().tolist(),
        p=np.hstack([K, np.zeros((3, 1))]).ravel().tolist(),
    )


if __name__ == "__main__":
    main()
