"""Quality of service (QoS) of the topics that this package reads and writes.

Functions, not constants: rclpy writes `qos_overrides` into the profile that it is given.
"""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy


def sensor_qos() -> QoSProfile:
    """Returns that of images: SensorDataQoS, but the last message only, since older ones are of no use."""
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def graph_qos() -> QoSProfile:
    """Returns that of scene graphs: reliable, with a queue for subscribers that record."""
    return QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)


def latest_qos() -> QoSProfile:
    """Returns that of pictures and markers: reliable serves every subscriber, and nobody looks at old ones."""
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


def latched_qos() -> QoSProfile:
    """Returns that of ~/graph_info: the last message also goes to those who subscribe later."""
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
